// Mutation tests of the rules and expected grants. Each mutant removes one condition or Deny, or widens one ARN, action
// or principal; a rule or an expected grant must report it.
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { join } from 'node:path'
import { list, readPlan, statements } from './plan.mjs'
import { REDRIVER, SENDING_ACTIONS, TRIGGERS, senderRules } from './senders.mjs'
import { grantViolations, responderViolations, ruleViolations } from './violations.mjs'
import { UNPRIVILEGED, BUILD_PROJECTS } from './expected-grants.mjs'
import { sharedStartRequests, startBuildViolations, startRequests } from './start-build.mjs'

const [complete, shared] = ['complete', 'shared'].map((name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`)))
// Array.toSpliced, which Node.js 18 lacks.
const spliced = (all, index, ...others) => [...all.slice(0, index), ...others, ...all.slice(index + 1)]
const only = (value) => (value.length === 1 ? value[0] : value)
const services = (document) => [...new Set(statements(document).flatMap((statement) => list(statement.Action)).map((action) => action.split(':')[0]))]

/** Every weaker form of a statement, as [description, statement or null]. */
function* weakerForms(statement) {
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const key of Object.keys(keys)) {
      const { [key]: _, ...others } = keys
      const condition = { ...statement.Condition, [operator]: others }
      if (Object.keys(others).length === 0) delete condition[operator]
      yield [`without ${operator} ${key}`, { ...statement, Condition: condition }]
    }
  }
  if (statement.Effect === 'Deny') {
    yield ['without the Deny', null]
    return
  }
  for (const resource of list(statement.Resource)) {
    if (resource === '*') continue
    const wide = resource.replace(/[^/:]*$/, '*')
    const others = list(statement.Resource).filter((other) => other !== resource)
    if (wide !== resource) yield [`on ${wide}`, { ...statement, Resource: only([...others, wide]) }]
    if (others.length > 0) yield [`not on ${resource}`, { ...statement, Resource: only(others) }]
  }
  for (const service of services({ Statement: statement })) {
    yield [`with ${service}:*`, { ...statement, Action: `${service}:*` }]
  }
  if (statement.Principal) {
    yield ['for every principal', { ...statement, Principal: '*' }]
    yield ['for an account', { ...statement, Principal: { AWS: 'arn:aws:iam::111122223333:root' } }]
  }
}

/** Every weaker form of the statements of a plan that `isTried` names. */
function* mutants(of, isTried = () => true) {
  for (const [policyIndex, policy] of of.policies.entries()) {
    for (const [index, statement] of statements(policy.document).entries()) {
      if (!isTried(statement)) continue
      for (const [description, changed] of weakerForms(statement)) {
        const all = spliced(statements(policy.document), index, ...(changed ? [changed] : []))
        const policies = spliced(of.policies, policyIndex, { ...policy, document: { ...policy.document, Statement: all } })
        const affected = services({ Statement: [statement] })
        yield { name: `${policy.address}: ${statement.Sid ?? statement.Effect} ${description}`, policy, affected, account: { ...of, policies } }
      }
    }
  }
}

async function violations({ policy, affected, account }) {
  if (policy.kind !== 'identity') return ruleViolations(account)
  if (affected.includes('codebuild') && policy.target.endsWith('role/doorbell-worker')) {
    const found = await startBuildViolations(account, undefined, 1)
    if (found.length > 0) return found
  }
  if (policy.target.endsWith('role/doorbell-responder')) {
    const found = await responderViolations(account)
    if (found.length > 0) return found
  }
  return grantViolations(account, policy.target, affected)
}

/** Every policy with one more statement that lets its principal, or a stranger, send to the trigger queue. */
function* accountsWithSender() {
  const statement = { Sid: 'Sender', Effect: 'Allow' }
  const actions = [...SENDING_ACTIONS, 'sqs:Send*', 'sqs:sendmessage', 'sqs:*', '*']
  const resources = [TRIGGERS, 'arn:aws:sqs:*:*:doorbell-*', TRIGGERS.replace('triggers', 'trigger?'), '*']
  const principals = [{ AWS: '111122223333' }, '*', { Service: 'sns.amazonaws.com' }, { Service: 'events.amazonaws.com' }]
  const identity = actions.flatMap((Action) => resources.map((Resource) => ({ ...statement, Action, Resource })))
  const resource = principals.map((Principal) => ({ ...statement, Principal, Action: 'sqs:SendMessage', Resource: TRIGGERS }))
  const open = [{ ...statement, NotAction: 'iam:*', Resource: '*' }, { ...statement, Action: 'sqs:SendMessage', NotResource: 'arn:aws:sqs:::other' }]
  for (const [index, policy] of complete.policies.entries()) {
    if (policy.kind === 'trust' || (policy.kind === 'resource' && policy.target !== TRIGGERS)) continue
    const added = policy.kind === 'identity' ? [...identity, ...open] : resource
    for (const extra of added) {
      // The redriving role has the right to send, and no other.
      const allowed = policy.target === REDRIVER && /^sqs:send/i.test(extra.Action ?? '')
      const document = { ...policy.document, Statement: [...statements(policy.document), extra] }
      if (!allowed) yield { name: `${policy.address}: ${JSON.stringify(extra)}`, account: { ...complete, policies: spliced(complete.policies, index, { ...policy, document }) } }
    }
  }
}

it('every further sender to the trigger queue is detected', () => {
  const all = [...accountsWithSender()]
  assert.deepEqual(all.filter(({ account }) => senderRules(account).length === 0).map(({ name }) => name), [])
  assert.ok(all.length > 200, `only ${all.length} further senders`)
})

let killed = 0
it('every weaker statement is detected', async () => {
  const survivors = []
  for (const mutant of mutants(complete)) {
    if ((await violations(mutant)).length > 0) killed += 1
    else survivors.push(mutant.name)
  }
  assert.deepEqual(survivors, [])
  assert.ok(killed > 200, `only ${killed} mutants were killed`)
})

// The plan `shared` is the example `minimal` with a shared build project.
it('every weaker statement for the shared build project is detected', async () => {
  const isStart = (statement) => list(statement.Action).includes('codebuild:StartBuild')
  const others = (await startRequests()).filter(([description, name]) => [BUILD_PROJECTS.demo, UNPRIVILEGED].includes(name) && !/source\.buildspec|buildspecOverride/.test(description))
  const requests = [...sharedStartRequests(), ...others]
  assert.deepEqual(await startBuildViolations(shared, requests), [])
  const survivors = []
  let tried = 0
  for (const { name, account } of mutants(shared, isStart)) {
    // Other actions are judged by the grants of the example `complete`.
    if (name.endsWith('with codebuild:*')) continue
    tried += 1
    if ((await startBuildViolations(account, requests, 1)).length === 0) survivors.push(name)
  }
  killed += tried
  assert.deepEqual(survivors, [])
  assert.ok(tried > 50, `only ${tried} mutants`)
})
after(() => console.log(`mutation tests: ${killed} mutants killed`))
