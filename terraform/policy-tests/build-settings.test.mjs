// Settings of single projects' builds, in the plan `organization`: image, machine, cache, files, network, and a project
// that is retired. Builds of pull requests have none of them.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ACCOUNT_ID, REGION, arn, iamArn, knownValue, list, readPlan, statements } from './plan.mjs'
import { BUILD_PROJECTS, UNPRIVILEGED } from './expected-grants.mjs'

const [plan, plain, minimal] = ['organization', 'complete', 'minimal'].map((name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`)))
const WEB = BUILD_PROJECTS['shop.web']
const build = (of, name) => of.ofType('aws_codebuild_project').find(({ values }) => values.name === name).values
const sids = (of, name) => {
  const { document } = of.policies.find(({ kind, target }) => kind === 'identity' && target.endsWith(`role/${name}`))
  return Object.fromEntries(statements(document).map((statement) => [statement.Sid, statement]))
}
const buildspec = (of, name) => build(of, name).source[0].buildspec
const plainBuildspec = 'version: 0.2\nphases:\n  build:\n    commands:\n      - doorbell-runner\n'

describe('a project with settings', () => {
  const web = build(plan, WEB)
  const granted = sids(plan, WEB)

  it('has its own image, machine and privileged mode', () => {
    const [{ type, image, privileged_mode: privileged }] = web.environment
    assert.equal(type, 'ARM_CONTAINER')
    assert.match(image, /^registry\.example\.org\/build@sha256:/)
    assert.equal(privileged, true)
  })

  it('has a cache and artifacts under its own prefix', () => {
    assert.deepEqual([web.cache[0].type, web.cache[0].location], ['S3', `example-cache/${WEB}/cache`])
    const [{ type, location, path, namespace_type: namespace }] = web.artifacts
    assert.deepEqual([type, location, path, namespace], ['S3', 'example-artifacts', WEB, 'BUILD_ID'])
    assert.deepEqual(list(granted.ReadWriteFiles.Resource), ['example-cache', 'example-artifacts'].map((bucket) => `arn:aws:s3:::${bucket}/${WEB}/*`))
    assert.deepEqual(list(granted.ReadBuckets.Resource), ['example-cache', 'example-artifacts'].map((bucket) => `arn:aws:s3:::${bucket}`))
  })

  it('names its files in the buildspec, relative to the checkout', () => {
    assert.equal(buildspec(plan, WEB), `${plainBuildspec}cache:
  paths:
    - "/var/cache/**/*"
reports:
  tests:
    base-directory: checkout
    files:
      - "target/junit/*.xml"
artifacts:
  base-directory: checkout
  files:
    - "dist/**/*"
`)
  })

  it('writes only its own reports', () => {
    assert.deepEqual(list(granted.WriteReports.Resource), [arn('codebuild', `report-group/${WEB}-tests`)])
  })

  it('encrypts its files with the key of the organization', () => {
    assert.equal(web.encryption_key, arn('kms', 'key/0a1b2c3d-0000-4000-8000-000000000001'))
    const via = (...services) => ({ StringEquals: { 'kms:ViaService': services.map((service) => `${service}.${REGION}.amazonaws.com`) } })
    assert.deepEqual([granted.DecryptByKey.Action, granted.DecryptByKey.Condition], [['kms:Decrypt'], via('secretsmanager', 's3')])
    assert.deepEqual([granted.EncryptFiles.Action, granted.EncryptFiles.Condition], [['kms:GenerateDataKey'], via('s3')])
  })

  it('gives interfaces only in its subnets, and only to CodeBuild', () => {
    assert.deepEqual([web.vpc_config[0].vpc_id, web.vpc_config[0].subnets, web.vpc_config[0].security_group_ids], ['vpc-2', ['subnet-2'], ['sg-2']])
    assert.deepEqual(granted.GiveInterfaceToCodeBuild.Condition, {
      StringEquals: { 'ec2:AuthorizedService': 'codebuild.amazonaws.com' }, ArnEquals: { 'ec2:Subnet': [arn('ec2', 'subnet/subnet-2')] },
    })
    assert.deepEqual(list(granted.GiveInterfaceToCodeBuild.Resource), [`arn:aws:ec2:${REGION}:${ACCOUNT_ID}:network-interface/*`])
  })
})

describe('builds of pull requests and projects without settings', () => {
  it('have none of the settings', () => {
    for (const [of, name] of [[plan, UNPRIVILEGED], [plain, UNPRIVILEGED], [plain, WEB], [plain, BUILD_PROJECTS.demo]]) {
      const { environment: [environment], cache: [cache], artifacts: [artifacts], vpc_config: network, encryption_key: key } = build(of, name)
      assert.deepEqual([environment.type, environment.privileged_mode], ['LINUX_CONTAINER', false], name)
      assert.deepEqual([cache.type, artifacts.type, network.length, key ?? null], ['NO_CACHE', 'NO_ARTIFACTS', 0, null], name)
      assert.equal(buildspec(of, name), plainBuildspec, name)
    }
    assert.deepEqual(Object.keys(sids(plan, UNPRIVILEGED)), ['WriteLog'])
    assert.deepEqual(Object.keys(sids(plain, WEB)).sort(), ['ReadGitCredentials', 'WriteLog'])
  })

  it('have a local cache without a bucket, and no bucket\'s permissions', () => {
    const name = BUILD_PROJECTS['shop-web']
    assert.deepEqual([build(plan, name).cache[0].type, build(plan, name).cache[0].modes], ['LOCAL', ['LOCAL_CUSTOM_CACHE']])
    assert.ok(!('ReadWriteFiles' in sids(plan, name)))
  })
})

describe('logs and history', () => {
  it('survive a project that is retired, which no request can start', () => {
    const documents = plan.ofType('aws_ssm_parameter').map(({ values }) => values.name).sort()
    assert.deepEqual(documents, ['/doorbell/demo', '/doorbell/shop.web'])
    assert.ok(build(plan, BUILD_PROJECTS['shop-web']), 'its build project is gone, and its history with it')
    assert.ok(plan.ofType('aws_iam_role').some((role) => iamArn(`role/${role.values.name}`) === iamArn(`role/${BUILD_PROJECTS['shop-web']}`)))
  })

  it('of a removed project are not deleted', () => {
    // The example `complete` switches the protection off, so that the suite `account` can destroy everything.
    for (const [of, count, kept] of [[minimal, 3, true], [plain, 5, false]]) {
      const groups = of.ofType('aws_cloudwatch_log_group')
      assert.equal(groups.length, count)
      for (const group of groups) assert.equal(knownValue(group, 'skip_destroy'), kept, group.address)
    }
  })
})
