// What must not grow with the number of projects. DOORBELL_PLANS contains one.json and many.json: the plans of one project
// and of many. The suite `terraform` plans 100, `bin/bench --projects` a thousand.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { knownValue, readPlan } from './plan.mjs'

const path = (name) => join(process.env.DOORBELL_PLANS, `${name}.json`)
const [one, many] = ['one', 'many'].map((name) => readPlan(path(name)))
const projects = (account) => account.ofType('aws_ssm_parameter').length

// IAM's limit of a managed policy, without white space. The limit of a role's inline policies is 10,240.
const MAX_POLICY_CHARACTERS = 6144
// EventBridge's own limit is 2,048.
const MAX_PATTERN_CHARACTERS = 512

/** The sizes of all policies but those of the projects' own roles, by address. */
const policySizes = (account) => Object.fromEntries(account.policies
  .filter(({ address }) => !/^module\.builds\..*\.build\["doorbell--/.test(address))
  .map(({ address, kind, document }) => [`${address} (${kind})`, JSON.stringify(document).length]))
const patternSizes = (account) => account.ofType('aws_cloudwatch_event_rule').map((rule) => knownValue(rule, 'event_pattern').length)

describe('policies and event patterns', () => {
  it('have the size of those of one project', () => {
    assert.equal(projects(one), 1)
    assert.ok(projects(many) >= 100, `${projects(many)} projects`)
    assert.deepEqual(policySizes(many), policySizes(one))
    assert.deepEqual(patternSizes(many), patternSizes(one))
  })

  it('are far below the quotas', () => {
    const sizes = policySizes(many)
    for (const role of ['worker', 'operator']) assert.ok(Object.keys(sizes).some((address) => address.includes(`aws_iam_role_policy.${role}`)), role)
    for (const { address, document } of many.policies) {
      const { length } = JSON.stringify(document)
      assert.ok(length < MAX_POLICY_CHARACTERS, `${address}: ${length} characters`)
    }
    assert.equal(patternSizes(many).length, 2)
    for (const length of patternSizes(many)) assert.ok(length < MAX_PATTERN_CHARACTERS, `a pattern of ${length} characters`)
  })
})

describe('resources', () => {
  it('of all kinds but the projects\' own are as many as those of one project', () => {
    const own = ['aws_codebuild_project', 'aws_cloudwatch_log_group', 'aws_iam_role', 'aws_iam_role_policy', 'aws_ssm_parameter']
    const counts = (account) => account.resources.reduce((found, { type }) => ({ ...found, [type]: (found[type] ?? 0) + 1 }), {})
    const [first, last] = [counts(one), counts(many)]
    const added = projects(many) - projects(one)
    for (const type of Object.keys(last)) assert.equal(last[type] - first[type], own.includes(type) ? added : 0, type)
  })

  it('have names within the limits of IAM and CodeBuild', () => {
    const names = many.ofType('aws_iam_role').map((role) => role.values.name)
    assert.equal(new Set(names).size, names.length)
    for (const name of names) assert.ok(name.length <= 64, name)
  })
})

// Terraform gives each instance of a resource an edge to each instance of a resource that it names: with a thousand
// projects a million edges for each such name. Through a value there are two thousand.
it('no resource of a project names another resource of projects', () => {
  const { configuration } = JSON.parse(readFileSync(path('many'), 'utf8'))
  const calls = configuration.root_module.module_calls
  const edges = ['builds', 'registry'].flatMap((module) => {
    const resources = calls[module].module.resources.filter((resource) => resource.for_each_expression)
    const repeated = resources.map(({ address }) => address)
    const names = (value) => (typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(names))
    return resources.flatMap(({ address, expressions, depends_on: order }) => names([expressions, order ?? []])
      .filter((name) => repeated.some((other) => name === other || name.startsWith(`${other}[`)))
      .map((name) => `${address} names ${name}`))
  })
  // Two rules, for any number of projects.
  assert.deepEqual([...new Set(edges)].filter((edge) => !edge.includes('aws_cloudwatch_event_rule.build')), [])
  assert.notEqual(edges.length, 0, 'the plan\'s configuration has another form')
})
