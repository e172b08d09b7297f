// node --test. DOORBELL_PLANS names the folder with complete.json, minimal.json and key.json, as bin/test makes them.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { join } from 'node:path'
import { iam, known, readPlan, statements } from './plan.mjs'
import { GRANTS, PUBLISHERS, TOPIC } from './grants.mjs'
import { messaging, plumbing, hardening } from './rules.mjs'
import { ofForm, ofGrants, ofTransport } from './complaints.mjs'
import { CONTRACT, shapes, starts } from './start_build.mjs'
import { counted, may } from './simulation.mjs'

const plan = (name) => readPlan(join(process.env.DOORBELL_PLANS, `${name}.json`))
const complete = plan('complete')

describe('the account that the example "complete" makes', () => {
  it('has messaging, trust and machines of the form that was meant', () => assert.deepEqual(ofForm(complete), []))

  for (const principal of Object.keys(GRANTS)) {
    it(`lets ${principal.split(':').at(-1)} do what is listed, and nothing else`, async () => {
      assert.deepEqual(await ofGrants(complete, principal), [])
    })
  }

  it('has no principal that is not listed', () => {
    const found = new Set(complete.policies.filter((it) => it.kind === 'identity').map((it) => it.target))
    assert.deepEqual([...found].sort(), Object.keys(GRANTS).sort())
    const roles = complete.policies.filter((it) => it.kind === 'trust').map((it) => it.target)
    assert.deepEqual(roles.filter((role) => !found.has(role)), [], 'roles without a policy')
    for (const type of ['aws_iam_policy', 'aws_iam_policy_attachment', 'aws_iam_role_policy_attachment', 'aws_iam_user_policy_attachment', 'aws_iam_group']) {
      assert.deepEqual(complete.of(type), [], 'rights that come by another way')
    }
  })

  it('lets a worker start what the build projects say, and override nothing', async () => assert.deepEqual(await starts(complete), []))
  it('refuses plain HTTP to everybody', async () => assert.deepEqual(await ofTransport(complete), []))
  it('knows the names of the contract', () => assert.equal(CONTRACT.length, 12))

  it('has one build project and one role for each project, and none for two', () => {
    const projects = complete.of('aws_codebuild_project').map((project) => project.values.name)
    assert.equal(new Set(projects).size, 4)
    const documents = complete.of('aws_ssm_parameter').map((parameter) => JSON.parse(known(parameter, 'value')))
    assert.equal(new Set(documents.map((document) => document.buildProject)).size, 3)
    for (const document of documents) assert.ok(projects.includes(document.buildProject), document.buildProject)
  })

  it('names no resource "*" but where AWS knows no other', () => {
    const wide = complete.policies.filter((it) => it.kind === 'identity').flatMap(({ address, document }) =>
      statements(document).filter((it) => it.Resource === '*' || it.Resource.includes?.('*') === true && Array.isArray(it.Resource))
        .map((it) => `${address}: ${it.Action}`))
    assert.deepEqual(wide.map((it) => it.split(': ')[1]).sort(), ['ecr:GetAuthorizationToken', 'events:ListRuleNamesByTarget'])
  })
})

describe('the account that the example "minimal" makes', () => {
  const minimal = plan('minimal')
  it('has the same queues and machines', () => {
    assert.deepEqual([...messaging(minimal), ...plumbing(minimal), ...hardening(minimal)], [])
  })
  it('has one publisher, which has one right', async () => {
    const [{ document }] = minimal.policies.filter((it) => it.target.endsWith('role/doorbell-publisher-github') && it.kind === 'identity')
    assert.deepEqual(statements(document), [{ Action: 'sns:Publish', Effect: 'Allow', Resource: TOPIC, Sid: 'Publish' }])
  })
  it('has no user and no operator', () => {
    assert.deepEqual(minimal.of('aws_iam_user'), [])
    assert.deepEqual(minimal.policies.filter((it) => it.target.endsWith('operator')), [])
  })
})

describe('a topic with a customer-managed key', () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000'
  it('asks two KMS actions more of a publisher, through SNS only', async () => {
    // The key's own policy, which is the owner's: it leaves the choice to IAM.
    const own = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: iam('root') }, Action: 'kms:*', Resource: '*' }] }
    const withKey = (account) => ({ ...account, policies: [...account.policies, { kind: 'resource', target: key, document: own }] })
    const account = withKey(plan('key'))
    assert.equal(known(account.of('aws_sns_topic')[0], 'kms_master_key_id'), key)
    const publisher = PUBLISHERS.find((it) => it.endsWith('github'))
    const via = (service) => ({ 'kms:ViaService': `${service}.eu-central-1.amazonaws.com` })
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      assert.equal(await may(account, publisher, action, key, via('sns')), true, action)
      assert.equal(await may(account, publisher, action, key, via('sqs')), false, `${action} through another service`)
      assert.equal(await may(account, publisher, action, key), false, `${action} by itself`)
      assert.equal(await may(withKey(complete), publisher, action, key, via('sns')), false, `${action} without such a key`)
    }
    assert.equal(await may(account, publisher, 'kms:Encrypt', key, via('sns')), false)
    assert.equal(await may(account, publisher, 'sns:Publish', TOPIC), true)
  })
})

after(async () => {
  const { simulations, actions } = counted
  console.log(`proof: ${complete.resources.length} resources, ${complete.policies.length} policies, ${simulations} simulations of ${actions.size} actions, ${(await shapes()).length} shapes of StartBuild`)
})
