// The account that a plan would make, as far as it says who may do what. A value that is not known in the plan is an
// error here: what can't be read can't be judged.
import { readFileSync } from 'node:fs'

/** Reads `terraform show -json` of a plan. */
export function readPlan(path) {
  return account(JSON.parse(readFileSync(path, 'utf8')))
}

export const ACCOUNT_ID = '111122223333'
export const REGION = 'eu-central-1'
export const arn = (service, resource) => `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${resource}`
export const iam = (resource) => `arn:aws:iam::${ACCOUNT_ID}:${resource}`

function account(plan) {
  const resources = plan.resource_changes
    .filter((it) => it.mode === 'managed' && it.change.actions.includes('create'))
    .map((it) => ({ address: it.address, type: it.type, values: it.change.after, unknown: it.change.after_unknown }))
  const of = (type) => resources.filter((it) => it.type === type)
  const policies = [
    ...of('aws_sqs_queue').map((it) => policy('resource', arn('sqs', it.values.name), it, 'policy')),
    ...of('aws_sns_topic').map((it) => policy('resource', arn('sns', it.values.name), it, 'policy')),
    ...of('aws_ecr_repository_policy').map((it) => policy('resource', arn('ecr', `repository/${it.values.repository}`), it, 'policy')),
    ...of('aws_iam_role').map((it) => policy('trust', iam(`role/${it.values.name}`), it, 'assume_role_policy')),
    ...of('aws_iam_role_policy').map((it) => policy('identity', iam(`role/${known(it, 'role')}`), it, 'policy')),
    ...of('aws_iam_user_policy').map((it) => policy('identity', iam(`user/${known(it, 'user')}`), it, 'policy')),
  ]
  return { resources, of, policies }
}

/** `target`: for a resource policy its resource, for the others the principal that holds it. */
function policy(kind, target, resource, field) {
  return { kind, target, address: resource.address, document: JSON.parse(known(resource, field)) }
}

/** A value that the plan must know. */
export function known(resource, field) {
  const value = resource.values[field]
  if (resource.unknown[field] || value === undefined || value === null) {
    throw new Error(`${resource.address}: ${field} is not known in the plan, so that nobody can judge it`)
  }
  return value
}

export const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value])
export const statements = (document) => list(document.Statement)
