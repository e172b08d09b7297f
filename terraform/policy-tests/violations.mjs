// The violations of all rules and of the expected grants in the example `complete`.
import { BUILD_PROJECT_PATTERNS, EXPECTED_GRANTS, OPERATORS, PUBLISHERS, buildProjectArn } from './expected-grants.mjs'
import { deliveryRules, hardeningRules, imagePullRules, ledgerRules, publishRules, queueRules, trustRules } from './rules.mjs'
import { senderRules } from './senders.mjs'
import { SERVICES, allowedActions, grantDifferences, isAllowed } from './simulation.mjs'

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
    issuer: `oidc.circleci.com/org/${id(1)}`, audience: id(1), like: true, subjects: [`org/${id(1)}/project/${id(2)}/user/*`],
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
    ...queueRules(account), ...publishRules(account, PUBLISHERS), ...imagePullRules(account, BUILD_PROJECT_PATTERNS.map(buildProjectArn)),
    ...trustRules(account, TOKENS, OPERATORS), ...deliveryRules(account), ...ledgerRules(account),
    ...hardeningRules(account), ...senderRules(account),
  ]
}

/** The differences between a principal's simulated permissions and those in expected-grants.mjs. */
export async function grantViolations(account, principal, services = SERVICES) {
  const grants = Object.entries(EXPECTED_GRANTS[principal] ?? {})
  const expected = Object.fromEntries(grants.filter(([action]) => services.includes(action.split(':')[0])))
  return grantDifferences(await allowedActions(account, principal, services), expected).map((difference) => `${principal}: ${difference}`)
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
