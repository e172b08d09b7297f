// The rules for resource policies, trust policies and settings. Each rule returns its violations as text.
import { ACCOUNT_ID, arn, iamArn, knownValue, list, statements } from './plan.mjs'
import { OPTIONAL_PINNED_VARIABLES, SET_PINNED_VARIABLES } from './contract.mjs'

const topic = arn('sns', 'doorbell-requests')
const DONE_TOPIC = arn('sns', 'doorbell-done')
const rules = ['doorbell-build-phase', 'doorbell-build-state'].map((name) => arn('events', `rule/${name}`))
const topicSender = { service: 'sns.amazonaws.com', sources: [topic] }
const ruleSender = { service: 'events.amazonaws.com', sources: rules }

/** For each queue: the AWS service that may send to it, its dead-letter queue, and the queue that may redrive to it. */
export const QUEUES = {
  'doorbell-triggers': { sender: topicSender, deadLetters: 'doorbell-dead-letters', source: null },
  'doorbell-events': { sender: ruleSender, deadLetters: 'doorbell-events-dead-letters', source: null },
  'doorbell-dead-letters': { sender: null, deadLetters: null, source: 'doorbell-triggers' },
  'doorbell-events-dead-letters': { sender: ruleSender, deadLetters: null, source: 'doorbell-events' },
  'doorbell-subscription-dead-letters': { sender: topicSender, deadLetters: null, source: null },
}

const same = (a, b) => JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, canonical(value[key])]))
}
/** IAM treats a string and a list of that one string alike. */
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

/** Queue policies: deny plain HTTP, and allow only the queue's own sender. */
export function queueRules(account) {
  const violations = []
  const found = new Set()
  for (const { target, document, address } of account.policies.filter((policy) => policy.kind === 'resource')) {
    const [, , service, , , name] = target.split(':')
    if (service !== 'sqs') continue
    found.add(name)
    const expected = QUEUES[name]
    if (!expected) { violations.push(`${address}: unexpected queue`); continue }
    const all = statements(document)
    if (!all.some((statement) => denyPlainHttp(statement, 'sqs:*', target))) violations.push(`${address}: plain HTTP is not denied`)
    const allowed = all.filter((statement) => statement.Effect === 'Allow')
    const wanted = expected.sender === null ? [] : [{
      principal: { Service: expected.sender.service }, action: ['sqs:SendMessage'], resource: [target],
      // The exact source and no more: a condition that the service does not fill would lose every message.
      condition: { ArnEquals: { 'aws:SourceArn': expected.sender.sources } },
    }]
    const grants = allowed.map((statement) => ({
      principal: statement.Principal, action: list(statement.Action), resource: list(statement.Resource), condition: lists(statement.Condition),
    }))
    if (!same(grants, wanted)) violations.push(`${address}: unexpected senders: ${JSON.stringify(grants)}`)
  }
  for (const name of Object.keys(QUEUES)) if (!found.has(name)) violations.push(`the queue ${name} has no policy`)
  return violations
}

/** Of the topics' policies: both deny plain HTTP, and that of requests allows nothing that a principal's own policy does not. */
export function publishRules(account) {
  const policies = account.policies.filter((policy) => policy.kind === 'resource' && policy.target.split(':')[2] === 'sns')
  const targets = policies.map((policy) => policy.target)
  if (targets.filter((target) => target === topic).length !== 1) return [`expected one topic of requests: ${targets}`]
  return policies.flatMap(({ target, document }) => {
    const all = statements(document)
    const violations = all.some((statement) => denyPlainHttp(statement, 'sns:Publish', target)) ? [] : [`${target} does not deny plain HTTP`]
    if (target === DONE_TOPIC) return [...violations, ...doneTopicViolations(all)]
    const allowed = all.filter((statement) => statement.Effect === 'Allow')
    if (target !== topic) violations.push(`unexpected topic ${target}`)
    if (allowed.length > 0) violations.push(`the policy of ${target} names publishers: ${JSON.stringify(allowed)}`)
    return violations
  })
}

const PROTOCOLS = ['sqs', 'lambda', 'https']
/** Whom the example `complete` lets subscribe. */
export const SUBSCRIBERS = { account: '444455556666', organization: 'o-a1b2c3d4e5' }
const WORKER = iamArn('role/doorbell-worker')

/** The topic of done events: only the worker publishes; the account and the organization subscribe programs. */
function doneTopicViolations(all) {
  // In an organization with a path of roles, the worker's role has it.
  const isWorker = ([role, ...others]) => others.length === 0 && (role === WORKER || role === WORKER.replace('role/', 'role/ci/'))
  const denials = all.filter(({ Effect, Principal, Action, Resource, Condition }) => {
    const { ArnNotEquals, ...operators } = lists(Condition)
    return Effect === 'Deny' && same(Principal, '*') && same(list(Action), ['sns:Publish']) && same(list(Resource), [DONE_TOPIC]) &&
      Object.keys(operators).length === 0 && same(Object.keys(ArnNotEquals ?? {}), ['aws:PrincipalArn']) && isWorker(ArnNotEquals['aws:PrincipalArn'])
  })
  const violations = denials.length === 1 ? [] : ['others than the worker may publish done events']
  const found = all.filter(({ Effect }) => Effect === 'Allow').map((statement) => ({
    principal: statement.Principal, action: list(statement.Action), resource: list(statement.Resource), condition: lists(statement.Condition),
  }))
  const subscribe = (AWS, condition) => ({
    principal: { AWS }, action: ['sns:Subscribe'], resource: [DONE_TOPIC], condition: { StringEquals: { ...condition, 'sns:Protocol': PROTOCOLS } },
  })
  const wanted = [
    subscribe(`arn:aws:iam::${SUBSCRIBERS.account}:root`, {}), subscribe('*', { 'aws:PrincipalOrgID': [SUBSCRIBERS.organization] }),
  ]
  return same(found, wanted) ? violations : [...violations, `unexpected subscribers: ${JSON.stringify(found)}`]
}

/** The build image's repository policy: CodeBuild may pull for the installation's build projects. */
export function imagePullRules(account, arnPatterns) {
  return account.policies.filter((policy) => policy.kind === 'resource' && policy.target.split(':')[2] === 'ecr').flatMap(({ document, address }) => {
    const wanted = {
      effect: 'Allow', principal: { Service: 'codebuild.amazonaws.com' },
      action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      condition: { ArnLike: { 'aws:SourceArn': arnPatterns }, StringEquals: { 'aws:SourceAccount': [ACCOUNT_ID] } },
    }
    const found = statements(document).map((statement) => ({
      effect: statement.Effect, principal: statement.Principal, action: list(statement.Action), condition: lists(statement.Condition),
    }))
    return same(found, [wanted]) ? [] : [`${address}: unexpected pull permissions: ${JSON.stringify(found)}`]
  })
}

/** Trust policies: the principals that may assume each role. `tokens` holds issuer, audience and subjects by publisher role. */
export function trustRules(account, tokens, operators, responders = []) {
  const violations = []
  for (const { target, document, address } of account.policies.filter((policy) => policy.kind === 'trust')) {
    const name = target.split('/').at(-1)
    const found = statements(document).map((statement) => ({
      effect: statement.Effect, principal: statement.Principal, action: list(statement.Action), condition: lists(statement.Condition),
    }))
    const wanted = expectedTrust(name, tokens, operators, responders)
    if (!same(found, [wanted])) violations.push(`${address}: expected trust ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`)
  }
  return violations
}

function expectedTrust(name, tokens, operators, responders) {
  const token = tokens[name]
  if (token) {
    const subject = token.like ? 'StringLike' : 'StringEquals'
    const condition = { StringEquals: { [`${token.issuer}:aud`]: [token.audience] } }
    condition[subject] = { ...condition[subject], [`${token.issuer}:sub`]: token.subjects }
    const principal = { Federated: iamArn(`oidc-provider/${token.issuer}`) }
    return { effect: 'Allow', principal, action: ['sts:AssumeRoleWithWebIdentity'], condition }
  }
  const people = { 'doorbell-operator': operators, 'doorbell-responder': responders }[name]
  if (people) {
    return { effect: 'Allow', principal: { AWS: people.length === 1 ? people[0] : people }, action: ['sts:AssumeRole'], condition: {} }
  }
  const account = { StringEquals: { 'aws:SourceAccount': [ACCOUNT_ID] } }
  if (name.startsWith('doorbell-worker')) {
    const condition = { ...account, ArnLike: { 'aws:SourceArn': [arn('ecs', '*')] } }
    return { effect: 'Allow', principal: { Service: 'ecs-tasks.amazonaws.com' }, action: ['sts:AssumeRole'], condition }
  }
  const condition = { ...account, ArnEquals: { 'aws:SourceArn': [arn('codebuild', `project/${name}`)] } }
  return { effect: 'Allow', principal: { Service: 'codebuild.amazonaws.com' }, action: ['sts:AssumeRole'], condition }
}

/** Delivery settings: redrive in both directions, encryption, message sizes, the subscription and the event targets. */
export function deliveryRules(account) {
  const violations = []
  const expect = (ok, violation) => ok || violations.push(violation)
  for (const queue of account.ofType('aws_sqs_queue')) {
    const { name } = queue.values
    const { deadLetters, source } = QUEUES[name] ?? {}
    const redrive = queue.values.redrive_policy ? JSON.parse(queue.values.redrive_policy) : {}
    expect(redrive.deadLetterTargetArn === (deadLetters ? arn('sqs', deadLetters) : undefined), `${name}: its dead-letter queue is ${redrive.deadLetterTargetArn}`)
    const allow = JSON.parse(knownValue(queue, 'redrive_allow_policy'))
    const wanted = source ? { redrivePermission: 'byQueue', sourceQueueArns: [arn('sqs', source)] } : { redrivePermission: 'denyAll' }
    expect(same(allow, wanted), `${name}: unexpected redrive permission ${JSON.stringify(allow)}`)
    expect(knownValue(queue, 'sqs_managed_sse_enabled') === true, `${name}: not encrypted`)
    expect(knownValue(queue, 'max_message_size') === 262144, `${name}: the maximum message size differs from that of SNS and EventBridge`)
    if (deadLetters) {
      const deadLetterQueue = account.ofType('aws_sqs_queue').find((candidate) => candidate.values.name === deadLetters)
      const retainsLonger = deadLetterQueue?.values.message_retention_seconds > queue.values.message_retention_seconds
      expect(retainsLonger, `${name}: the dead-letter queue does not retain messages longer than the queue`)
    }
  }
  const subscriptions = account.ofType('aws_sns_topic_subscription')
  expect(subscriptions.length === 1, 'expected one subscription')
  for (const { values } of subscriptions) {
    expect(values.raw_message_delivery === false, 'the subscription uses raw message delivery')
    const target = JSON.parse(values.redrive_policy ?? '{}').deadLetterTargetArn
    expect(target === arn('sqs', 'doorbell-subscription-dead-letters'), `the subscription's dead-letter queue is ${target}`)
  }
  const targets = account.ofType('aws_cloudwatch_event_target')
  expect(targets.length === 2, 'expected two rule targets')
  for (const { values } of targets) {
    expect(values.arn === arn('sqs', 'doorbell-events'), `a rule's target is ${values.arn}`)
    expect(values.dead_letter_config?.[0]?.arn === arn('sqs', 'doorbell-events-dead-letters'), 'a rule has no dead-letter queue')
    expect(values.retry_policy?.length === 1, 'a rule has no retry policy of its own')
  }
  return violations
}

/** The ledger's key, its two indexes and its time to live. The worker's and the CLI's queries rely on them. */
export function ledgerRules(account) {
  const tables = account.ofType('aws_dynamodb_table')
  if (tables.length !== 1) return [`expected one table: ${tables.map((table) => table.values.name)}`]
  const [{ values }] = tables
  const found = {
    key: values.hash_key, sortKey: values.range_key,
    attributes: Object.fromEntries(values.attribute.map(({ name, type }) => [name, type])),
    indexes: Object.fromEntries(values.global_secondary_index.map((index) => [index.name, [index.hash_key, index.range_key, index.projection_type].join()])),
    timeToLive: values.ttl.map(({ attribute_name: name, enabled }) => ({ name, enabled })),
  }
  const expected = {
    key: 'pk', sortKey: null,
    attributes: { pk: 'S', due_shard: 'N', due_at: 'N', listed: 'S', received_at: 'N' },
    indexes: { due: 'due_shard,due_at,KEYS_ONLY', by_project: 'listed,received_at,KEYS_ONLY' },
    timeToLive: [{ name: 'expires_at', enabled: true }],
  }
  return same(found, expected) ? [] : [`unexpected form of the ledger: ${JSON.stringify(found)}`]
}

/**
 * The own variables of a build project. A project's fixes what may be built, and no more; those that projects share fix
 * nothing, and would give all projects the same.
 */
function variableViolations(name, variables) {
  const isPinned = name.startsWith('doorbell--')
  const found = variables.map((variable) => variable.name)
  const wanted = isPinned ? SET_PINNED_VARIABLES : []
  const allowed = isPinned ? [...SET_PINNED_VARIABLES, ...OPTIONAL_PINNED_VARIABLES] : []
  const type = (variable) => (variable === 'DOORBELL_GIT_CREDENTIALS' ? 'SECRETS_MANAGER' : 'PLAINTEXT')
  return [
    ...found.filter((variable, index) => !allowed.includes(variable) || found.indexOf(variable) !== index).map((variable) => `${name} sets ${variable}`),
    ...wanted.filter((variable) => !found.includes(variable)).map((variable) => `${name} does not fix ${variable}`),
    ...variables.filter((variable) => variable.type !== type(variable.name)).map((variable) => `${name}: ${variable.name} is of type ${variable.type}`),
  ]
}

/** Hardening settings of the worker's container, the build projects and the image repositories. */
export function hardeningRules(account) {
  const violations = []
  const expect = (ok, violation) => ok || violations.push(violation)
  for (const task of account.ofType('aws_ecs_task_definition')) {
    for (const container of JSON.parse(knownValue(task, 'container_definitions'))) {
      expect(container.readonlyRootFilesystem === true, 'the root file system is writable')
      expect(container.user === '65532:65532', `the worker runs as ${container.user}`)
      expect(container.privileged !== true && same(container.linuxParameters?.capabilities, { drop: ['ALL'] }), 'the worker has capabilities')
      expect(/@sha256:[0-9a-f]{64}$/.test(container.image), `${container.image} is not pinned by digest`)
      expect(container.stopTimeout > 9 && container.stopTimeout <= 120, `stopTimeout ${container.stopTimeout} s does not exceed the worker's drain timeout of 9 s`)
      expect(!container.secrets && !JSON.stringify(container.environment).match(/secret|token|password/i), 'the environment contains a secret')
    }
  }
  for (const { values } of account.ofType('aws_ecs_service')) {
    expect(values.enable_execute_command === false, 'ECS Exec is enabled')
    expect(values.wait_for_steady_state === true, 'an apply succeeds while no worker runs')
  }
  for (const { values } of account.ofType('aws_codebuild_project')) {
    const [environment] = values.environment
    expect(environment.privileged_mode === false, `${values.name} is privileged`)
    expect(environment.image_pull_credentials_type === 'CODEBUILD', `${values.name} pulls its image with its service role`)
    violations.push(...variableViolations(values.name, environment.environment_variable))
    expect(values.source[0].type === 'NO_SOURCE' && values.source[0].buildspec.includes('- doorbell-runner\n'), `${values.name}: unexpected source or buildspec`)
    expect(values.project_visibility === 'PRIVATE', `${values.name} is public`)
  }
  for (const { values } of account.ofType('aws_ecr_repository')) expect(values.image_tag_mutability === 'IMMUTABLE', `${values.name}: tags are mutable`)
  for (const { values } of account.ofType('aws_ecr_lifecycle_policy')) {
    for (const { selection } of JSON.parse(values.policy).rules) {
      expect(selection.tagStatus === 'untagged' && selection.countType === 'sinceImagePushed', `${values.repository}: a running image may expire`)
    }
  }
  for (const type of ['aws_iam_access_key', 'aws_secretsmanager_secret_version']) {
    expect(account.ofType(type).length === 0, `${type}: the state would contain its secret`)
  }
  return violations
}
