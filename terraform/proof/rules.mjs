// What must hold of every document, whoever it is for. Each rule answers with complaints; none is what we want.
import { ACCOUNT_ID, arn, iam, known, list, statements } from './plan.mjs'

const topic = arn('sns', 'doorbell-requests')
const rules = ['doorbell-build-phase', 'doorbell-build-state'].map((name) => arn('events', `rule/${name}`))
const fromTopic = { service: 'sns.amazonaws.com', sources: [topic] }
const fromRules = { service: 'events.amazonaws.com', sources: rules }

/** Each queue: who but our own roles sends to it, where it redrives to, and who may redrive to it. */
export const QUEUES = {
  'doorbell-triggers': { sender: fromTopic, deadLetters: 'doorbell-dead-letters', of: null },
  'doorbell-events': { sender: fromRules, deadLetters: 'doorbell-events-dead-letters', of: null },
  'doorbell-dead-letters': { sender: null, deadLetters: null, of: 'doorbell-triggers' },
  'doorbell-events-dead-letters': { sender: fromRules, deadLetters: null, of: 'doorbell-events' },
  'doorbell-subscription-dead-letters': { sender: fromTopic, deadLetters: null, of: null },
}

const same = (a, b) => JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, canonical(value[key])]))
}
/** A text and a list of one text mean the same in IAM. */
const lists = (conditions = {}) =>
  Object.fromEntries(
    Object.entries(conditions).map(([operator, keys]) => [
      operator,
      Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values)])),
    ]),
  )

function denyPlainHttp(statement, action, resource) {
  return (
    statement.Effect === 'Deny' && same(statement.Principal, '*') && same(list(statement.Action), [action]) &&
    same(list(statement.Resource), [resource]) && same(lists(statement.Condition), { Bool: { 'aws:SecureTransport': ['false'] } })
  )
}

/** Every queue and topic refuses plain HTTP, and takes messages from its own source only. */
export function messaging(account) {
  const complaints = []
  const seen = new Set()
  for (const { target, document, address } of account.policies.filter((it) => it.kind === 'resource')) {
    const [, , service, , , name] = target.split(':')
    if (service !== 'sqs') continue
    seen.add(name)
    const expected = QUEUES[name]
    if (!expected) { complaints.push(`${address}: a queue that nobody knows`); continue }
    const all = statements(document)
    if (!all.some((it) => denyPlainHttp(it, 'sqs:*', target))) complaints.push(`${address}: plain HTTP is not refused`)
    const allowed = all.filter((it) => it.Effect === 'Allow')
    const wanted = expected.sender === null ? [] : [{
      principal: { Service: expected.sender.service }, action: ['sqs:SendMessage'], resource: [target],
      condition: { ArnEquals: { 'aws:SourceArn': expected.sender.sources }, StringEquals: { 'aws:SourceAccount': [ACCOUNT_ID] } },
    }]
    const found = allowed.map((it) => ({
      principal: it.Principal, action: list(it.Action), resource: list(it.Resource), condition: lists(it.Condition),
    }))
    if (!same(found, wanted)) complaints.push(`${address}: somebody else may send, or from elsewhere: ${JSON.stringify(found)}`)
  }
  for (const name of Object.keys(QUEUES)) if (!seen.has(name)) complaints.push(`there is no policy on the queue ${name}`)
  return complaints
}

/** The topic: our publishers publish, over TLS; nobody subscribes. */
export function ringing(account, publishers) {
  const policies = account.policies.filter((it) => it.kind === 'resource' && it.target.split(':')[2] === 'sns')
  if (policies.length !== 1 || policies[0].target !== topic) return [`there is not one topic: ${policies.map((it) => it.target)}`]
  const all = statements(policies[0].document)
  const complaints = []
  if (!all.some((it) => denyPlainHttp(it, 'sns:Publish', topic))) complaints.push('the topic does not refuse plain HTTP')
  const allowed = all.filter((it) => it.Effect === 'Allow')
  const ok = allowed.length === 1 && same(list(allowed[0].Action), ['sns:Publish']) && same(list(allowed[0].Resource), [topic]) &&
    Object.keys(allowed[0].Principal ?? {}).length === 1 && same(list(allowed[0].Principal.AWS), publishers) && !allowed[0].Condition
  if (!ok) complaints.push(`others than ${publishers} may publish: ${JSON.stringify(allowed)}`)
  return complaints
}

/** The build image: CodeBuild pulls it for our build projects. */
export function pulling(account, projects) {
  return account.policies.filter((it) => it.kind === 'resource' && it.target.split(':')[2] === 'ecr').flatMap(({ document, address }) => {
    const wanted = {
      effect: 'Allow', principal: { Service: 'codebuild.amazonaws.com' },
      action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      condition: { ArnEquals: { 'aws:SourceArn': projects }, StringEquals: { 'aws:SourceAccount': [ACCOUNT_ID] } },
    }
    const found = statements(document).map((it) => ({
      effect: it.Effect, principal: it.Principal, action: list(it.Action), condition: lists(it.Condition),
    }))
    return same(found, [wanted]) ? [] : [`${address}: others may pull, or for others: ${JSON.stringify(found)}`]
  })
}

/** Who may take each role on. `tokens`: of the publishers' roles the issuer, audience and subjects. */
export function trusting(account, tokens, operators) {
  const complaints = []
  for (const { target, document, address } of account.policies.filter((it) => it.kind === 'trust')) {
    const name = target.split('/').at(-1)
    const found = statements(document).map((it) => ({
      effect: it.Effect, principal: it.Principal, action: list(it.Action), condition: lists(it.Condition),
    }))
    const wanted = trust(name, tokens, operators)
    if (!same(found, [wanted])) complaints.push(`${address}: trusts others than ${JSON.stringify(wanted)}: ${JSON.stringify(found)}`)
  }
  return complaints
}

function trust(name, tokens, operators) {
  const token = tokens[name]
  if (token) {
    const subject = token.like ? 'StringLike' : 'StringEquals'
    const condition = { StringEquals: { [`${token.issuer}:aud`]: [token.audience] } }
    condition[subject] = { ...condition[subject], [`${token.issuer}:sub`]: token.subjects }
    const principal = { Federated: iam(`oidc-provider/${token.issuer}`) }
    return { effect: 'Allow', principal, action: ['sts:AssumeRoleWithWebIdentity'], condition }
  }
  if (name === 'doorbell-operator') {
    return { effect: 'Allow', principal: { AWS: operators.length === 1 ? operators[0] : operators }, action: ['sts:AssumeRole'], condition: {} }
  }
  const account = { StringEquals: { 'aws:SourceAccount': [ACCOUNT_ID] } }
  if (name.startsWith('doorbell-worker')) {
    const condition = { ...account, ArnLike: { 'aws:SourceArn': [arn('ecs', '*')] } }
    return { effect: 'Allow', principal: { Service: 'ecs-tasks.amazonaws.com' }, action: ['sts:AssumeRole'], condition }
  }
  const condition = { ...account, ArnEquals: { 'aws:SourceArn': [arn('codebuild', `project/${name}`)] } }
  return { effect: 'Allow', principal: { Service: 'codebuild.amazonaws.com' }, action: ['sts:AssumeRole'], condition }
}

/** Queues as queues, not as policies: redrive both ways, encryption, sizes, and the subscription. */
export function plumbing(account) {
  const complaints = []
  const expect = (ok, what) => ok || complaints.push(what)
  for (const queue of account.of('aws_sqs_queue')) {
    const { name } = queue.values
    const { deadLetters, of } = QUEUES[name] ?? {}
    const redrive = queue.values.redrive_policy ? JSON.parse(queue.values.redrive_policy) : {}
    expect(redrive.deadLetterTargetArn === (deadLetters ? arn('sqs', deadLetters) : undefined), `${name}: redrives to ${redrive.deadLetterTargetArn}`)
    const allow = JSON.parse(known(queue, 'redrive_allow_policy'))
    const wanted = of ? { redrivePermission: 'byQueue', sourceQueueArns: [arn('sqs', of)] } : { redrivePermission: 'denyAll' }
    expect(same(allow, wanted), `${name}: is a dead-letter queue of ${JSON.stringify(allow)}`)
    expect(known(queue, 'sqs_managed_sse_enabled') === true, `${name}: is not encrypted`)
    expect(known(queue, 'max_message_size') === 262144, `${name}: takes another size than SNS and EventBridge send`)
    if (deadLetters) {
      const dead = account.of('aws_sqs_queue').find((it) => it.values.name === deadLetters)
      const keeps = dead?.values.message_retention_seconds > queue.values.message_retention_seconds
      expect(keeps, `${name}: its dead letters would be gone before they are seen`)
    }
  }
  const subscriptions = account.of('aws_sns_topic_subscription')
  expect(subscriptions.length === 1, 'there is not one subscription')
  for (const { values } of subscriptions) {
    expect(values.raw_message_delivery === false, 'the subscription delivers without the envelope')
    const target = JSON.parse(values.redrive_policy ?? '{}').deadLetterTargetArn
    expect(target === arn('sqs', 'doorbell-subscription-dead-letters'), `the subscription's dead letters go to ${target}`)
  }
  const targets = account.of('aws_cloudwatch_event_target')
  expect(targets.length === 2, 'there are not two targets of rules')
  for (const { values } of targets) {
    expect(values.arn === arn('sqs', 'doorbell-events'), `a rule's target is ${values.arn}`)
    expect(values.dead_letter_config?.[0]?.arn === arn('sqs', 'doorbell-events-dead-letters'), "a rule's dead letters are lost")
    expect(values.retry_policy?.length === 1, 'a rule has no retry policy of its own')
  }
  return complaints
}

/** The container and the build projects: nothing in them helps whoever takes one over. */
export function hardening(account) {
  const complaints = []
  const expect = (ok, what) => ok || complaints.push(what)
  for (const task of account.of('aws_ecs_task_definition')) {
    for (const it of JSON.parse(known(task, 'container_definitions'))) {
      expect(it.readonlyRootFilesystem === true, 'the root file system can be written')
      expect(it.user === '65532:65532', `the worker runs as ${it.user}`)
      expect(it.privileged !== true && same(it.linuxParameters?.capabilities, { drop: ['ALL'] }), 'the worker has capabilities')
      expect(/@sha256:[0-9a-f]{64}$/.test(it.image), `${it.image} is not named by digest`)
      expect(it.stopTimeout > 9 && it.stopTimeout <= 120, `stopTimeout ${it.stopTimeout} is not above the drain of 9 s`)
      expect(!it.secrets && !JSON.stringify(it.environment).match(/secret|token|password/i), 'a secret is in the environment')
    }
  }
  for (const { values } of account.of('aws_ecs_service')) expect(values.enable_execute_command === false, 'ECS exec is on')
  for (const { values } of account.of('aws_codebuild_project')) {
    const [environment] = values.environment
    expect(environment.privileged_mode === false, `${values.name} is privileged`)
    expect(environment.image_pull_credentials_type === 'CODEBUILD', `${values.name} pulls with its role`)
    expect(environment.environment_variable.length === 0, `${values.name} has variables of its own`)
    expect(values.source[0].type === 'NO_SOURCE' && values.source[0].buildspec.includes('- doorbell-runner\n'), `${values.name}: another buildspec`)
    expect(values.project_visibility === 'PRIVATE', `${values.name} is public`)
    expect(values.concurrent_build_limit >= 1, `${values.name} has no limit`)
  }
  for (const { values } of account.of('aws_ecr_repository')) expect(values.image_tag_mutability === 'IMMUTABLE', `${values.name}: tags can be moved`)
  for (const type of ['aws_iam_access_key', 'aws_secretsmanager_secret_version']) {
    expect(account.of(type).length === 0, `${type}: its secret would stand in the state`)
  }
  return complaints
}
