// A test that can't fail proves nothing: every condition is taken away, every ARN, action and principal widened, one at
// a time, and each time somebody must complain.
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { join } from 'node:path'
import { list, readPlan, statements } from './plan.mjs'
import { ofForm, ofGrants } from './complaints.mjs'
import { starts } from './start_build.mjs'

const complete = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
// Array.toSpliced, which Node.js 18 lacks.
const spliced = (all, place, ...others) => [...all.slice(0, place), ...others, ...all.slice(place + 1)]
const only = (value) => (value.length === 1 ? value[0] : value)
const services = (document) => [...new Set(statements(document).flatMap((it) => list(it.Action)).map((action) => action.split(':')[0]))]

/** All ways in which one statement can be made weaker: [what, statement or null]. */
function* weaker(statement) {
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
    const others = list(statement.Resource).filter((it) => it !== resource)
    if (wide !== resource) yield [`on ${wide}`, { ...statement, Resource: only([...others, wide]) }]
    if (others.length > 0) yield [`not on ${resource}`, { ...statement, Resource: only(others) }]
  }
  for (const service of services({ Statement: statement })) {
    yield [`with ${service}:*`, { ...statement, Action: `${service}:*` }]
  }
  if (statement.Principal) {
    yield ['for everybody', { ...statement, Principal: '*' }]
    yield ['for an account', { ...statement, Principal: { AWS: 'arn:aws:iam::111122223333:root' } }]
  }
}

function* mutants() {
  for (const [place, policy] of complete.policies.entries()) {
    for (const [number, statement] of statements(policy.document).entries()) {
      for (const [what, changed] of weaker(statement)) {
        const all = spliced(statements(policy.document), number, ...(changed ? [changed] : []))
        const policies = spliced(complete.policies, place, { ...policy, document: { ...policy.document, Statement: all } })
        const touched = services({ Statement: [statement] })
        yield { what: `${policy.address}: ${statement.Sid ?? statement.Effect} ${what}`, policy, touched, account: { ...complete, policies } }
      }
    }
  }
}

async function complaints({ policy, touched, account }) {
  if (policy.kind !== 'identity') return ofForm(account)
  if (touched.includes('codebuild') && policy.target.endsWith('role/doorbell-worker')) {
    const found = await starts(account)
    if (found.length > 0) return found
  }
  return ofGrants(account, policy.target, touched)
}

let caught = 0
it('nothing can be weakened unseen', async () => {
  const unseen = []
  for (const mutant of mutants()) {
    if ((await complaints(mutant)).length > 0) caught += 1
    else unseen.push(mutant.what)
  }
  assert.deepEqual(unseen, [])
  assert.ok(caught > 200, `only ${caught} were tried`)
})
after(() => console.log(`mutations: ${caught} caught`))
