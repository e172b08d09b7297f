// The account that a Terraform plan describes: its resources and policies. A policy that the plan does not know yet is
// an error, because a test cannot judge it.
import { readFileSync } from 'node:fs'

/** Reads `terraform show -json` of a plan. */
export function readPlan(path) {
  return account(JSON.parse(readFileSync(path, 'utf8')))
}

export const ACCOUNT_ID = '111122223333'
export const REGION = 'eu-central-1'
export const arn = (service, resource) => `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${resource}`
export const iamArn = (resource) => `arn:aws:iam::${ACCOUNT_ID}:${resource}`

function account(plan) {
  const resources = plan.resource_changes
    .filter((resource) => resource.mode === 'managed' && resource.change.actions.includes('create'))
    .map(({ address, type, change }) => ({ address, type, values: change.after, unknown: change.after_unknown }))
  const ofType = (type) => resources.filter((resource) => resource.type === type)
  const policies = [
    ...ofType('aws_sqs_queue').map((queue) => policy('resource', arn('sqs', queue.values.name), queue, 'policy')),
    ...ofType('aws_sns_topic').map((topic) => policy('resource', arn('sns', topic.values.name), topic, 'policy')),
    ...ofType('aws_ecr_repository_policy').map((attached) => policy('resource', arn('ecr', `repository/${attached.values.repository}`), attached, 'policy')),
    ...ofType('aws_iam_role').map((role) => policy('trust', iamArn(`role/${role.values.name}`), role, 'assume_role_policy')),
    ...ofType('aws_iam_role_policy').map((attached) => policy('identity', iamArn(`role/${knownValue(attached, 'role')}`), attached, 'policy')),
    ...ofType('aws_iam_user_policy').map((attached) => policy('identity', iamArn(`user/${knownValue(attached, 'user')}`), attached, 'policy')),
  ]
  return { resources, ofType, policies }
}

/** `target`: the resource of a resource policy; the principal of a trust or identity policy. */
function policy(kind, target, resource, field) {
  return { kind, target, address: resource.address, document: JSON.parse(knownValue(resource, field)) }
}

/** A value that the plan must know. */
export function knownValue(resource, field) {
  const value = resource.values[field]
  if (resource.unknown[field] || value === undefined || value === null) {
    throw new Error(`${resource.address}: the plan does not know ${field}, so no test can judge it`)
  }
  return value
}

export const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value])
export const statements = (document) => list(document.Statement)
