// The example `complete` in an organization with rules: permissions boundary, role path, tags, a key of its own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { REGION, arn, iamArn, knownValue, list, readPlan, statements } from './plan.mjs'
import { BUILD_PROJECTS } from './expected-grants.mjs'
import { isAllowed } from './simulation.mjs'

const path = join(process.env.DOORBELL_PLANS, 'organization.json')
const plan = readPlan(path)
const plain = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
const KEY = arn('kms', 'key/0a1b2c3d-0000-4000-8000-000000000001')
const keyPolicy = JSON.parse(JSON.parse(readFileSync(path, 'utf8')).planned_values.outputs.key_policy.value)
const account = { ...plan, policies: [...plan.policies, { kind: 'resource', target: KEY, address: 'the key', document: keyPolicy }] }

const principals = [...plan.ofType('aws_iam_role'), ...plan.ofType('aws_iam_user')]

describe('roles and users', () => {
  it('have the permissions boundary and the path', () => {
    // Builds, worker, execution, operator, publishers of each kind, scheduler.
    assert.ok(principals.length >= 11, `${principals.length} roles and users`)
    assert.equal(plan.ofType('aws_iam_user').length, 1)
    for (const { address, values } of principals) {
      assert.deepEqual([values.permissions_boundary, values.path], [iamArn('policy/ci-boundary'), '/ci/'], address)
    }
    for (const { address, values } of [...plain.ofType('aws_iam_role'), ...plain.ofType('aws_iam_user')]) {
      assert.deepEqual([values.permissions_boundary ?? null, values.path], [null, '/'], address)
    }
  })

  it('are named with their path', () => {
    for (const { values } of plan.ofType('aws_codebuild_project')) assert.equal(values.service_role, iamArn(`role/ci/${values.name}`))
    const named = plan.policies.flatMap(({ document }) => statements(document))
      .flatMap((statement) => list(statement.Resource))
      .filter((resource) => /^arn:aws:iam::\d+:(role|user)\//.test(resource))
    assert.notEqual(named.length, 0)
    for (const principal of named) assert.match(principal, /^arn:aws:iam::\d+:(role|user)\/ci\//)
  })
})

describe('tags', () => {
  it('of the provider reach every resource, and the tasks', () => {
    const tagged = plan.resources.filter(({ values }) => 'tags_all' in values)
    assert.ok(tagged.length > 20, `${tagged.length} resources with tags`)
    for (const { address, values } of tagged) assert.equal(values.tags_all?.['cost-center'], '4711', address)
    for (const { address, values } of plan.ofType('aws_ecs_service')) {
      assert.deepEqual([values.propagate_tags, values.enable_ecs_managed_tags], ['SERVICE', true], address)
    }
  })
})

/** [kind, the key of each resource of that kind] */
const keys = (of) => [
  ['queues', of.ofType('aws_sqs_queue').map((queue) => queue.values.kms_master_key_id)],
  ['topics', of.ofType('aws_sns_topic').map((topic) => topic.values.kms_master_key_id)],
  ['ledger', of.ofType('aws_dynamodb_table').map(({ values }) => values.server_side_encryption?.[0]?.kms_key_arn)],
  ['logs', of.ofType('aws_cloudwatch_log_group').map(({ values }) => values.kms_key_id)],
  ['images', of.ofType('aws_ecr_repository').map(({ values }) => values.encryption_configuration?.[0]?.kms_key)],
]
const via = (service) => ({ 'kms:ViaService': `${service}.${REGION}.amazonaws.com` })
const role = (name) => iamArn(`role/${name}`)
const SERVICES = ['sqs', 'sns', 'dynamodb', 'secretsmanager', 'ssm', 's3']
/** The services through which each caller may use the key. */
const CALLERS = [
  ['worker', role('doorbell-worker'), { 'kms:Decrypt': ['sqs', 'sns', 'dynamodb', 'secretsmanager'], 'kms:GenerateDataKey': ['sqs', 'sns'] }],
  ['operator', role('doorbell-operator'), { 'kms:Decrypt': ['sqs', 'dynamodb'], 'kms:GenerateDataKey': ['sqs'] }],
  ['responder', role('doorbell-responder'), { 'kms:Decrypt': ['sns', 'dynamodb'], 'kms:GenerateDataKey': ['sns'] }],
  ['publisher', role('doorbell-publisher-github'), { 'kms:Decrypt': ['sns'], 'kms:GenerateDataKey': ['sns'] }],
  ['build with a git secret and files in S3', role(BUILD_PROJECTS['shop.web']), { 'kms:Decrypt': ['s3', 'secretsmanager'], 'kms:GenerateDataKey': ['s3'] }],
  ['build without secrets', role(BUILD_PROJECTS.demo), { 'kms:Decrypt': [], 'kms:GenerateDataKey': [] }],
  ['build of a pull request', role('doorbell_unprivileged'), { 'kms:Decrypt': [], 'kms:GenerateDataKey': [] }],
  ['execution role with a collector\'s headers', role('doorbell-worker-execution'), { 'kms:Decrypt': ['secretsmanager'], 'kms:GenerateDataKey': [] }],
]

describe('a key of the organization', () => {
  for (const [kind, found] of keys(plan)) {
    it(`encrypts the ${kind}`, () => assert.deepEqual([...new Set(found)], [KEY]))
  }
  it('is off by default', () => {
    for (const [kind, found] of keys(plain)) assert.deepEqual([...new Set(found.map((key) => key ?? null))], [kind === 'topics' ? 'alias/aws/sns' : null], kind)
    assert.ok(!JSON.stringify(plain.policies).includes('kms:'))
  })

  for (const [caller, principal, allowed] of CALLERS) {
    it(`may be used by the ${caller} only through its services`, async () => {
      for (const [action, services] of Object.entries(allowed)) {
        const found = []
        for (const service of SERVICES) if (await isAllowed(account, principal, action, KEY, via(service))) found.push(service)
        assert.deepEqual(found.sort(), [...services].sort(), action)
        assert.equal(await isAllowed(account, principal, action, KEY), false, `${action} by a direct call`)
      }
      for (const action of ['kms:Encrypt', 'kms:CreateGrant', 'kms:ScheduleKeyDeletion']) assert.equal(await isAllowed(account, principal, action, KEY, via('sqs')), false, action)
    })
  }

  it('may be used by the services that deliver and log', () => {
    const queues = { ArnLike: { 'kms:EncryptionContext:aws:sqs:arn': arn('sqs', 'doorbell-*') } }
    const logs = (group) => ({ ArnLike: { 'kms:EncryptionContext:aws:logs:arn': arn('logs', `log-group:${group}*`) } })
    const found = statements(keyPolicy).filter(({ Principal }) => Principal.Service)
      .map(({ Effect, Principal, Action, Condition }) => [Effect, Principal.Service, Action, Condition])
    const use = ['kms:GenerateDataKey*', 'kms:Decrypt']
    const wanted = [
      ['Allow', `logs.${REGION}.amazonaws.com`, use, logs('/aws/codebuild/doorbell')],
      ['Allow', 'events.amazonaws.com', use, queues],
      ['Allow', 'sns.amazonaws.com', use, queues],
      ['Allow', `logs.${REGION}.amazonaws.com`, use, logs('/doorbell/')],
    ]
    assert.deepEqual(found, wanted)
  })

  it('has a policy for every queue and log group', () => {
    const patterns = statements(keyPolicy).flatMap(({ Condition }) => Object.values(Condition?.ArnLike ?? {}))
    const covered = (resource) => patterns.some((pattern) => resource.startsWith(pattern.replace('*', '')))
    const queues = plan.ofType('aws_sqs_queue').map((queue) => arn('sqs', queue.values.name))
    const groups = plan.ofType('aws_cloudwatch_log_group').map((group) => arn('logs', `log-group:${knownValue(group, 'name')}`))
    assert.deepEqual([...queues, ...groups].filter((resource) => !covered(resource)), [])
  })
})
