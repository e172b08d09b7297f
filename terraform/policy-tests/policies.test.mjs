// node --test. DOORBELL_PLANS names the directory with complete.json, minimal.json and key.json, which the suite
// `terraform` of bin/test writes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { join } from 'node:path'
import { iamArn, knownValue, readPlan, statements } from './plan.mjs'
import { EXPECTED_GRANTS, PUBLISHERS, TOPIC } from './expected-grants.mjs'
import { deliveryRules, hardeningRules, ledgerRules, queueRules } from './rules.mjs'
import { REDRIVER, TRIGGERS, senderRules } from './senders.mjs'
import { grantViolations, plainHttpViolations, responderViolations, ruleViolations } from './violations.mjs'
import { BUILD_VARIABLES } from './contract.mjs'
import { startBuildViolations, startRequests } from './start-build.mjs'
import { counters, isAllowed } from './simulation.mjs'

const plan = (name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`))
const complete = plan('complete')

describe('the example "complete"', () => {
  it('has the expected resource policies, trust policies and settings', () => assert.deepEqual(ruleViolations(complete), []))

  for (const principal of Object.keys(EXPECTED_GRANTS)) {
    it(`grants ${principal.split(':').at(-1)} exactly the listed permissions`, async () => {
      assert.deepEqual(await grantViolations(complete, principal), [])
    })
  }

  it('has no unlisted principal', () => {
    const found = new Set(complete.policies.filter((policy) => policy.kind === 'identity').map((policy) => policy.target))
    assert.deepEqual([...found].sort(), Object.keys(EXPECTED_GRANTS).sort())
    const roles = complete.policies.filter((policy) => policy.kind === 'trust').map((policy) => policy.target)
    assert.deepEqual(roles.filter((role) => !found.has(role)), [], 'roles without a policy')
    for (const type of ['aws_iam_policy', 'aws_iam_policy_attachment', 'aws_iam_role_policy_attachment', 'aws_iam_user_policy_attachment', 'aws_iam_group']) {
      assert.deepEqual(complete.ofType(type), [], 'permissions outside of inline policies')
    }
  })

  it('denies the worker every override and unlisted variable of StartBuild', async () => assert.deepEqual(await startBuildViolations(complete), []))
  it('lets the responder run only revisions of the worker, without a shell', async () => assert.deepEqual(await responderViolations(complete), []))
  it('denies plain HTTP to every principal', async () => assert.deepEqual(await plainHttpViolations(complete), []))
  it('reads the build variables of publisher/messages', () => assert.ok(BUILD_VARIABLES.length >= 12, BUILD_VARIABLES.join(' ')))

  it('lets only the topic and the redriving role send to the trigger queue', async () => {
    for (const name of ['complete', 'minimal', 'key']) assert.deepEqual(senderRules(plan(name)), [], name)
    const principals = Object.keys(EXPECTED_GRANTS)
    const senders = []
    for (const principal of principals) if (await isAllowed(complete, principal, 'sqs:SendMessage', TRIGGERS)) senders.push(principal)
    assert.deepEqual(senders, [REDRIVER])
    const subscriptions = complete.ofType('aws_sns_topic_subscription')
    assert.equal(subscriptions.length, 1, 'another topic could deliver to the queue')
  })

  it('notices an expiry that may take a running image', () => {
    const policies = complete.ofType('aws_ecr_lifecycle_policy')
    assert.equal(policies.length, 2, 'one for each repository')
    const selection = { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 10 }
    const changed = policies.map((policy) => ({ ...policy, values: { ...policy.values, policy: JSON.stringify({ rules: [{ selection }] }) } }))
    const account = { ...complete, ofType: (type) => (type === 'aws_ecr_lifecycle_policy' ? changed : complete.ofType(type)) }
    assert.equal(hardeningRules(account).length, 2)
  })

  it('limits concurrent builds only where the configuration does', () => {
    const limits = (account) => account.ofType('aws_codebuild_project').map(({ values }) => values.concurrent_build_limit ?? null)
    // A new account's quota is 1, and CodeBuild rejects a project with a higher limit.
    assert.deepEqual(limits(complete).sort(), [2, 2, null, null])
    assert.deepEqual(limits(plan('minimal')), [null, null])
  })

  it('has one build project per project', () => {
    const buildProjects = complete.ofType('aws_codebuild_project').map((project) => project.values.name)
    assert.equal(new Set(buildProjects).size, 4)
    const documents = complete.ofType('aws_ssm_parameter').map((parameter) => JSON.parse(knownValue(parameter, 'value')))
    assert.equal(new Set(documents.map((document) => document.buildProject)).size, 3)
    for (const document of documents) assert.ok(buildProjects.includes(document.buildProject), document.buildProject)
  })

  it('has a runbook section for each alarm', () => {
    const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')
    const sections = [...runbook.matchAll(/^## (.*)$/gm)].map(([, heading]) => `doorbell-${heading}`)
    const alarms = complete.ofType('aws_cloudwatch_metric_alarm').map((alarm) => alarm.values.alarm_name)
    assert.equal(alarms.length, 15)
    assert.deepEqual(sections.sort(), alarms.sort())
  })

  it('alarms for missing sweeps despite one lost log line', () => {
    const [{ values }] = complete.ofType('aws_cloudwatch_metric_alarm').filter(({ values }) => values.metric_name === 'Sweeps')
    assert.deepEqual([values.datapoints_to_alarm, values.evaluation_periods, values.treat_missing_data], [2, 3, 'breaching'])
    assert.equal(values.datapoints_to_alarm * values.period, 240, 'the description and the runbook name 4 minutes')
  })

  it('uses the resource "*" only for actions without resource types', () => {
    const isWide = ({ Resource }) => Resource === '*' || (Array.isArray(Resource) && Resource.includes('*'))
    const identityPolicies = complete.policies.filter((policy) => policy.kind === 'identity')
    const wide = identityPolicies.flatMap(({ document }) => statements(document).filter(isWide).map((statement) => statement.Action))
    assert.deepEqual(wide.flat().sort(), [
      'cloudwatch:GetMetricData', 'cloudwatch:GetMetricStatistics', 'cloudwatch:ListDashboards', 'cloudwatch:ListMetrics', 'ecr:GetAuthorizationToken',
      'ecs:DescribeTaskDefinition', 'events:ListRuleNamesByTarget', 'logs:DescribeQueryDefinitions', 'logs:StopQuery',
    ])
  })
})

describe('the example "minimal"', () => {
  const minimal = plan('minimal')
  it('has the same queues and settings', () => {
    assert.deepEqual([...queueRules(minimal), ...deliveryRules(minimal), ...ledgerRules(minimal), ...hardeningRules(minimal)], [])
  })
  it('has one publisher with one permission', async () => {
    const [{ document }] = minimal.policies.filter(({ kind, target }) => kind === 'identity' && target.endsWith('role/doorbell-publisher-github'))
    assert.deepEqual(statements(document), [{ Action: 'sns:Publish', Effect: 'Allow', Resource: TOPIC, Sid: 'Publish' }])
  })
  it('has no user and no operator', () => {
    assert.deepEqual(minimal.ofType('aws_iam_user'), [])
    assert.deepEqual(minimal.policies.filter((policy) => policy.target.endsWith('operator')), [])
  })
})

describe('an OpenID Connect provider that the account already has', () => {
  it('is named by the trust policy and not created', () => {
    const existing = plan('key')
    assert.deepEqual(existing.ofType('aws_iam_openid_connect_provider'), [])
    const { document } = existing.policies.find(({ kind, target }) => kind === 'trust' && target.endsWith('publisher-github'))
    assert.equal(statements(document)[0].Principal.Federated, iamArn('oidc-provider/token.actions.githubusercontent.com'))
  })
})

describe('the first apply, without images', () => {
  for (const name of ['complete-first', 'minimal-first']) {
    it(`of ${name} makes everything that needs no image`, () => {
      const first = plan(name)
      assert.equal(first.ofType('aws_ecr_repository').length, 2)
      assert.equal(first.ofType('aws_sqs_queue').length, 5)
      for (const type of ['aws_codebuild_project', 'aws_ecs_service']) assert.deepEqual(first.ofType(type), [], type)
      assert.deepEqual([...queueRules(first), ...senderRules(first)], [])
    })
  }
})

describe('a topic with a customer-managed key', () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000'
  it('grants each publisher two KMS actions, through SNS only', async () => {
    // The owner's key policy, which leaves the decision to IAM.
    const keyPolicy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: iamArn('root') }, Action: 'kms:*', Resource: '*' }] }
    const withKey = (account) => ({ ...account, policies: [...account.policies, { kind: 'resource', target: key, document: keyPolicy }] })
    const account = withKey(plan('key'))
    assert.equal(knownValue(account.ofType('aws_sns_topic')[0], 'kms_master_key_id'), key)
    const publisher = PUBLISHERS.find((arn) => arn.endsWith('github'))
    const via = (service) => ({ 'kms:ViaService': `${service}.eu-central-1.amazonaws.com` })
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      assert.equal(await isAllowed(account, publisher, action, key, via('sns')), true, action)
      assert.equal(await isAllowed(account, publisher, action, key, via('sqs')), false, `${action} through another service`)
      assert.equal(await isAllowed(account, publisher, action, key), false, `${action} by a direct call`)
      assert.equal(await isAllowed(withKey(complete), publisher, action, key, via('sns')), false, `${action} without such a key`)
    }
    assert.equal(await isAllowed(account, publisher, 'kms:Encrypt', key, via('sns')), false)
    assert.equal(await isAllowed(account, publisher, 'sns:Publish', TOPIC), true)
  })
})

after(async () => {
  const { simulations, actions } = counters
  const requests = (await startRequests()).length
  console.log(`policy tests: ${complete.resources.length} resources, ${complete.policies.length} policies, ${simulations} simulations of ${actions.size} actions, ${requests} StartBuild requests`)
})
