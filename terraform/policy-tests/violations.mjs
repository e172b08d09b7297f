// The violations of all rules and of the expected grants in the example `complete`.
import { BUILD_PROJECT_PATTERNS, EXPECTED_GRANTS, OPERATORS, RESPONDERS, SCALABLE_TARGET, buildProjectArn } from './expected-grants.mjs'
import { deliveryRules, hardeningRules, imagePullRules, ledgerRules, publishRules, queueRules, trustRules } from './rules.mjs'
import { senderRules } from './senders.mjs'
import { SERVICES, allowedActions, grantDifferences, isAllowed } from './simulation.mjs'
import { arn, iamArn } from './plan.mjs'

const id = (digit) => `0a1b2c3d-0000-4000-8000-00000000000${digit}`
/** The OpenID Connect tokens that each publisher's role accepts. */
export const TOKENS = {
  'doorbell-publisher-github': {
    issuer: 'token.actions.githubusercontent.com', audience: 'sts.amazonaws.com',
    subjects: ['repo:example/shop:ref:refs/heads/main', 'repo:example/shop:environment:production'],
  },
  'doorbell-publisher-gitlab': {
    issuer: 'gitlab.com', audience: 'sts.amazonaws.com', subjects: ['project_path:example/shop:ref_type:branch:ref:main'],
  },
  'doorbell-publisher-circleci': {
    issuer: `oidc.circleci.com/org/${id(1)}`, audience: id(1), like: true,
    subjects: [`org/${id(1)}/project/${id(2)}/user/${'?'.repeat(36)}/vcs-origin/github.com/example/shop/vcs-ref/refs/heads/main`],
  },
  'doorbell-publisher-bitbucket': {
    issuer: 'api.bitbucket.org/2.0/workspaces/example/pipelines-config/identity/oidc',
    audience: `ari:cloud:bitbucket::workspace/${id(3)}`, like: true, subjects: [`{${id(4)}}:{${id(5)}}:*`],
  },
  'doorbell-publisher-buildkite': {
    issuer: 'agent.buildkite.com', audience: 'sts.amazonaws.com', like: true,
    subjects: ['organization:example:pipeline:shop:ref:refs/heads/main:commit:*:step:*'],
  },
}

/** The violations of the rules for resource policies, trust policies and settings. */
export function ruleViolations(account) {
  return [
    ...queueRules(account), ...publishRules(account), ...imagePullRules(account, BUILD_PROJECT_PATTERNS.map(buildProjectArn)),
    ...trustRules(account, TOKENS, OPERATORS, RESPONDERS), ...deliveryRules(account), ...ledgerRules(account),
    ...hardeningRules(account), ...senderRules(account),
  ]
}

/** The differences between a principal's simulated permissions and those in expected-grants.mjs. */
export async function grantViolations(account, principal, services = SERVICES) {
  const grants = Object.entries(EXPECTED_GRANTS[principal] ?? {})
  const expected = Object.fromEntries(grants.filter(([action]) => services.includes(action.split(':')[0])))
  return grantDifferences(await allowedActions(account, principal, services), expected).map((difference) => `${principal}: ${difference}`)
}

const RESPONDER = iamArn('role/doorbell-responder')
const WORKERS = arn('ecs', 'service/doorbell/doorbell-worker')
/** Calls of the responder that must be allowed, and others that must not: no other task, no shell, no other service. */
const RESPONSES = [
  [true, 'ecs:UpdateService', WORKERS, { 'ecs:task-definition': arn('ecs', 'task-definition/doorbell-worker:7') }],
  [false, 'ecs:UpdateService', WORKERS, { 'ecs:task-definition': arn('ecs', 'task-definition/other:1') }],
  [false, 'ecs:UpdateService', WORKERS, { 'ecs:task-definition': arn('ecs', 'task-definition/doorbell-worker-2:1') }],
  [false, 'ecs:UpdateService', WORKERS, { 'ecs:enable-execute-command': 'true' }],
  [true, 'application-autoscaling:RegisterScalableTarget', SCALABLE_TARGET, {}],
  [false, 'application-autoscaling:RegisterScalableTarget', SCALABLE_TARGET, { 'application-autoscaling:service-namespace': 'dynamodb' }],
]

/** The responder's calls that are allowed and must not be, or the reverse. */
export async function responderViolations(account) {
  const violations = []
  for (const [wanted, action, resource, context] of RESPONSES) {
    if (await isAllowed(account, RESPONDER, action, resource, context) !== wanted) violations.push(`${RESPONDER}: ${action} with ${JSON.stringify(context)}`)
  }
  return violations
}

/** The SQS and SNS permissions that also work over plain HTTP. */
export async function plainHttpViolations(account) {
  const violations = []
  for (const [principal, grants] of Object.entries(EXPECTED_GRANTS)) {
    for (const [action, resources] of Object.entries(grants).filter(([action]) => /^sqs:|^sns:Publish$/.test(action))) {
      for (const resource of resources) {
        if (await isAllowed(account, principal, action, resource, { 'aws:SecureTransport': 'false' })) violations.push(`${principal}: ${action} over plain HTTP`)
      }
    }
  }
  return violations
}
