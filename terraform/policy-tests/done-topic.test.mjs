// Who may publish done events and who may subscribe to them, by AWS's evaluation rules.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { iamArn, readPlan, statements } from './plan.mjs'
import { DONE_TOPIC, EXPECTED_GRANTS } from './expected-grants.mjs'
import { SUBSCRIBERS } from './rules.mjs'
import { isAllowed } from './simulation.mjs'

const [complete, minimal] = ['complete', 'minimal'].map((name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`)))
const WORKER = iamArn('role/doorbell-worker')
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
/** The account with a principal whose own policy allows it everything. */
const withAdministrator = (principal) => ({
  ...complete, policies: [...complete.policies, { kind: 'identity', target: principal, address: principal, document: everything }],
})
const may = (principal, action, context) => isAllowed(withAdministrator(principal), principal, action, DONE_TOPIC, context)

describe('done events', () => {
  it('are published by the worker alone', async () => {
    const publishers = []
    for (const principal of Object.keys(EXPECTED_GRANTS)) if (await isAllowed(complete, principal, 'sns:Publish', DONE_TOPIC)) publishers.push(principal)
    assert.deepEqual(publishers, [WORKER])
  })
  it('are published by no administrator of the account', async () => {
    for (const name of ['role/admin', 'user/admin', 'role/doorbell-worker-2', 'role/doorbell-worker-execution', 'role/other/doorbell-worker']) {
      assert.equal(await may(iamArn(name), 'sns:Publish'), false, name)
      assert.equal(await may(iamArn(name), 'sns:Subscribe', { 'sns:Protocol': 'sqs' }), true, name)
    }
  })
})

describe('subscribers of other accounts', () => {
  const [listed, stranger] = [SUBSCRIBERS.account, '777788889999'].map((id) => `arn:aws:iam::${id}:role/reader`)
  const ofOrganization = (id) => ({ 'aws:PrincipalOrgID': id })
  it('are those of the listed account and of the organization', async () => {
    for (const protocol of ['sqs', 'lambda', 'https']) {
      const context = { 'sns:Protocol': protocol }
      assert.equal(await may(listed, 'sns:Subscribe', context), true, protocol)
      assert.equal(await may(stranger, 'sns:Subscribe', { ...context, ...ofOrganization(SUBSCRIBERS.organization) }), true, protocol)
      assert.equal(await may(stranger, 'sns:Subscribe', { ...context, ...ofOrganization('o-ffffffffff') }), false, protocol)
      assert.equal(await may(stranger, 'sns:Subscribe', context), false, protocol)
    }
  })
  it('subscribe no mail address and no telephone', async () => {
    for (const protocol of ['email', 'email-json', 'sms', 'http', 'application', 'firehose']) {
      const context = { 'sns:Protocol': protocol, ...ofOrganization(SUBSCRIBERS.organization) }
      for (const principal of [listed, stranger]) assert.equal(await may(principal, 'sns:Subscribe', context), false, protocol)
    }
  })
  it('may do nothing else to the topic', async () => {
    for (const action of ['sns:Publish', 'sns:SetTopicAttributes', 'sns:AddPermission', 'sns:DeleteTopic', 'sns:ListSubscriptionsByTopic']) {
      const context = { 'sns:Protocol': 'sqs', ...ofOrganization(SUBSCRIBERS.organization) }
      for (const principal of [listed, stranger]) assert.equal(await may(principal, action, context), false, action)
    }
  })
})

describe('the example "done_subscribers"', () => {
  const { resource_changes: changes } = JSON.parse(readFileSync(join(process.env.DOORBELL_PLANS, 'done_subscribers.json'), 'utf8'))
  const [subscription] = changes.filter(({ type }) => type === 'aws_sns_topic_subscription').map(({ change }) => change.after)
  it('filters by attributes that each event has', () => {
    assert.deepEqual([subscription.topic_arn, subscription.protocol, subscription.raw_message_delivery], [DONE_TOPIC, 'sqs', true])
    assert.deepEqual(JSON.parse(subscription.filter_policy), { project: ['demo'], status: ['failure', 'error'] })
  })
  it('lets only the topic call the function', () => {
    const [{ change }] = changes.filter(({ type }) => type === 'aws_cloudformation_stack')
    const { AdmitTopic, Subscription } = JSON.parse(change.after.template_body).Resources
    assert.deepEqual([AdmitTopic.Properties.SourceArn, AdmitTopic.Properties.Principal], [DONE_TOPIC, 'sns.amazonaws.com'])
    assert.deepEqual([Subscription.Properties.TopicArn, Subscription.DependsOn], [DONE_TOPIC, 'AdmitTopic'])
  })
})

describe('an installation without done events', () => {
  it('has one topic, and the worker may publish to none', () => {
    assert.deepEqual(minimal.ofType('aws_sns_topic').map(({ values }) => values.name), ['doorbell-requests'])
    const { document } = minimal.policies.find(({ kind, target }) => kind === 'identity' && target === WORKER)
    assert.equal(statements(document).some(({ Action }) => JSON.stringify(Action).includes('sns:')), false)
  })
})
