// Schedules, publishers of other accounts and the workers' settings, in the plan `organization`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ACCOUNT_ID, arn, iamArn, knownValue, readPlan, statements } from './plan.mjs'
import { TOPIC } from './expected-grants.mjs'
import { allowedActions, isAllowed } from './simulation.mjs'

const [plan, plain] = ['organization', 'complete'].map((name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`)))
const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const trust = (name) => statements(plan.policies.find(({ kind, target }) => kind === 'trust' && target === iamArn(`role/${name}`)).document)
const KEY = arn('kms', 'key/0a1b2c3d-0000-4000-8000-000000000001')

/** The principal may publish through its role, use the topic's key through SNS, and do nothing else. */
async function publishesOnly(principal) {
  const withKey = { ...plan, policies: [...plan.policies, { kind: 'resource', target: KEY, address: 'the key',
    document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: iamArn('root') }, Action: 'kms:*', Resource: '*' }] } }] }
  assert.deepEqual(await allowedActions(plan, principal), { 'sns:Publish': [TOPIC] })
  const viaSns = { 'kms:ViaService': 'sns.eu-central-1.amazonaws.com' }
  for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
    assert.equal(await isAllowed(withKey, principal, action, KEY, viaSns), true, action)
    assert.equal(await isAllowed(withKey, principal, action, KEY), false, `${action} by a direct call`)
  }
}

describe('a schedule', () => {
  const schedules = plan.ofType('aws_scheduler_schedule')
  const messages = Object.fromEntries(schedules.map(({ values }) => [values.name, JSON.parse(values.target[0].input)]))

  it('publishes a request of the contract', () => {
    assert.deepEqual(messages, {
      nightly: { project: 'demo', branch: 'main', id: 'schedule-nightly', cause: 'schedule nightly', variables: { STAGE: 'test' } },
      weekly: { project: 'shop.web', tag: 'v1', id: 'schedule-weekly', cause: 'schedule weekly' },
    })
    const { properties } = JSON.parse(read('publisher/messages/schema/request.v1.json'))
    for (const message of Object.values(messages)) for (const key of Object.keys(message)) assert.ok(key in properties, key)
  })

  it('is delivered once although Scheduler delivers at least once', () => {
    for (const { values } of schedules) {
      const [{ arn: target, retry_policy: [retries] }] = values.target
      assert.equal(target, TOPIC)
      // A repeat without a commit is the same job for two minutes.
      assert.ok(retries.maximum_event_age_in_seconds < 120, values.name)
      assert.deepEqual(values.flexible_time_window.map(({ mode }) => mode), ['OFF'])
    }
  })

  it('runs at its time in its time zone', () => {
    const times = Object.fromEntries(schedules.map(({ values }) => [values.name, [values.schedule_expression, values.schedule_expression_timezone]]))
    assert.deepEqual(times, { nightly: ['cron(0 3 * * ? *)', 'Europe/Berlin'], weekly: ['cron(0/30 4 ? * SUN *)', 'UTC'] })
  })

  it('has a role that only publishes, for this group of schedules', async () => {
    await publishesOnly(iamArn('role/doorbell-scheduler'))
    assert.deepEqual(trust('doorbell-scheduler'), [{
      Sid: 'AssumeByScheduler', Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'scheduler.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT_ID }, ArnEquals: { 'aws:SourceArn': arn('scheduler', 'schedule-group/doorbell') } },
    }])
  })

  it('is off by default, with its role', () => {
    for (const type of ['aws_scheduler_schedule', 'aws_scheduler_schedule_group']) assert.deepEqual(plain.ofType(type), [])
    assert.ok(!plain.ofType('aws_iam_role').some(({ values }) => values.name.includes('scheduler')))
  })
})

describe('a publisher of another account', () => {
  it('assumes a role that only publishes', async () => {
    await publishesOnly(iamArn('role/doorbell-publisher-jenkins'))
    assert.deepEqual(trust('doorbell-publisher-jenkins'), [{
      Sid: 'AssumeByPrincipal', Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: 'arn:aws:iam::444455556666:role/jenkins' },
    }])
  })

  it('is not in the topic\'s policy, nor is its account', () => {
    const topic = plan.policies.find(({ target }) => target === TOPIC)
    assert.ok(!JSON.stringify(topic.document).includes('444455556666'))
  })
})

describe('the settings of workers', () => {
  const environment = (of) => {
    const [task] = of.ofType('aws_ecs_task_definition')
    const [{ environment: variables }] = JSON.parse(knownValue(task, 'container_definitions'))
    return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
  }

  it('reach the worker under its names', () => {
    const set = Object.fromEntries(Object.entries(environment(plan)).filter(([name]) => !(name in environment(plain))))
    assert.deepEqual(set, {
      DOORBELL_ALLOW_PRIVATE_FORGES: 'forge.internal:8443', DOORBELL_BUILD_POLL_INTERVAL: '2m',
      DOORBELL_FORGE_CA_CERTIFICATES: '-----BEGIN CERTIFICATE-----', DOORBELL_FORGE_PROXY: 'http://proxy.internal:3128', DOORBELL_LOG: 'info,doorbell_engine=debug',
      DOORBELL_MAX_BUILDS: '40', DOORBELL_MAX_IN_FLIGHT: '50', DOORBELL_MAX_REQUEST_AGE: '12h', DOORBELL_QUEUE_TIMEOUT: '6h', DOORBELL_SWEEP_INTERVAL: '30s',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '-----BEGIN CERTIFICATE-----', OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.internal:4318',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%20b%2Cc',
    })
    const known = new Set([...read('worker/src/settings/mod.rs').matchAll(/env = "(\w+)"/g)].map(([, name]) => name))
    for (const name of Object.keys(environment(plan)).filter((variable) => variable.startsWith('DOORBELL_'))) assert.ok(known.has(name), name)
  })

  it('give a collector its headers from a secret that only ECS reads', async () => {
    const [task] = plan.ofType('aws_ecs_task_definition')
    const [{ secrets }] = JSON.parse(knownValue(task, 'container_definitions'))
    const secret = arn('secretsmanager', 'secret:doorbell/collector-AbCdEf')
    assert.deepEqual(secrets, [{ name: 'OTEL_EXPORTER_OTLP_HEADERS', valueFrom: secret }])
    for (const [role, expected] of [['doorbell-worker-execution', true], ['doorbell-worker', false]]) {
      assert.equal(await isAllowed(plan, iamArn(`role/${role}`), 'secretsmanager:GetSecretValue', secret), expected, role)
      assert.equal(await isAllowed(plain, iamArn(`role/${role}`), 'secretsmanager:GetSecretValue', secret), false, role)
    }
    const other = arn('secretsmanager', 'secret:doorbell/git/shop.web-AbCdEf')
    assert.equal(await isAllowed(plan, iamArn('role/doorbell-worker-execution'), 'secretsmanager:GetSecretValue', other), false)
    const [before] = plain.ofType('aws_ecs_task_definition')
    assert.equal(JSON.parse(knownValue(before, 'container_definitions'))[0].secrets, undefined)
  })

  it('may open the way to further destinations', () => {
    const rules = (of) => of.ofType('aws_vpc_security_group_egress_rule').map(({ values }) => `${values.ip_protocol} ${values.cidr_ipv4} ${values.from_port}-${values.to_port}`).sort()
    assert.deepEqual(rules(plan).filter((rule) => !rule.startsWith('tcp 0.0.0.0/0')), ['udp 10.0.0.2/32 53-53'])
    assert.ok(rules(plain).every((rule) => rule.startsWith('tcp 0.0.0.0/0')))
  })
})
