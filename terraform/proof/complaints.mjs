// All rules together, for the example `complete`.
import { iam } from './plan.mjs'
import { GRANTS, OPERATORS, PUBLISHERS, builds, project } from './grants.mjs'
import { hardening, messaging, plumbing, pulling, ringing, trusting } from './rules.mjs'
import { SERVICES, differences, everything, may } from './simulation.mjs'
import { starts } from './start_build.mjs'

const id = (digit) => `0a1b2c3d-0000-4000-8000-00000000000${digit}`
/** Whose tokens each publisher's role takes. */
export const TOKENS = {
  'doorbell-publisher-github': {
    issuer: 'token.actions.githubusercontent.com', audience: 'sts.amazonaws.com',
    subjects: ['repo:example/shop:ref:refs/heads/main', 'repo:example/shop:environment:production'],
  },
  'doorbell-publisher-gitlab': {
    issuer: 'gitlab.com', audience: 'https://gitlab.com', subjects: ['project_path:example/shop:ref_type:branch:ref:main'],
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

/** The rules of form: of resources' policies, of trust, of what stands around them. */
export function ofForm(account) {
  return [
    ...messaging(account), ...ringing(account, PUBLISHERS), ...pulling(account, builds.map(project)),
    ...trusting(account, TOKENS, OPERATORS), ...plumbing(account), ...hardening(account),
  ]
}

/** What a principal may do, against what is written in grants.mjs. */
export async function ofGrants(account, principal, services = SERVICES) {
  const wanted = Object.fromEntries(Object.entries(GRANTS[principal] ?? {}).filter(([action]) => services.includes(action.split(':')[0])))
  return differences(await everything(account, principal, services), wanted).map((it) => `${principal}: ${it}`)
}

/** Plain HTTP, tried by those who may take messages or give them. */
export async function ofTransport(account) {
  const complaints = []
  for (const [principal, grants] of Object.entries(GRANTS)) {
    for (const [action, resources] of Object.entries(grants).filter(([action]) => /^sqs:|^sns:Publish$/.test(action))) {
      for (const resource of resources) {
        if (await may(account, principal, action, resource, { 'aws:SecureTransport': 'false' })) complaints.push(`${principal}: ${action} over plain HTTP`)
      }
    }
  }
  return complaints
}

export async function ofWorker(account) {
  return [...(await ofGrants(account, iam('role/doorbell-worker'))), ...(await starts(account))]
}
