// The counts on the cost page are those of the plan and of the logging page.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { readPlan } from './plan.mjs'

const read = (path) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8')
const page = read('cost.md')
const count = (pattern) => [...page.matchAll(pattern)].map(([, number]) => Number(number))

it('the cost page counts the alarms of the plan', () => {
  const alarms = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json')).ofType('aws_cloudwatch_metric_alarm').length
  assert.deepEqual(count(/(\d+) alarms × A/g), [alarms])
  assert.deepEqual(count(/^\| alarms \| (\d+), and 2/gm), [alarms])
})

it('the cost page counts the metrics of the logging page', () => {
  const [, table] = read('logging.md').match(/^\| metric \| counts[^\n]*\n\|[-|]+\n((?:\|.*\n)+)/m)
  const metrics = table.trim().split('\n').length
  assert.deepEqual(count(/(\d+) custom metrics × N/g), [metrics])
  const [quantity] = count(/^\| custom metrics \| (\d+),/gm)
  assert.equal(quantity, metrics)
  // The sum of that line: metrics at 0.30 $.
  const [dollars] = count(/^\| custom metrics \|.*\| ([\d.]+) \|$/gm)
  assert.equal(dollars, Math.round(metrics * 30) / 100)
})

it('the cost page has a date and a Region', () => assert.match(page, /\*\*us-east-1\*\*, at the public on-demand prices of \*\*\w+ \d{4}\*\*/))
