// An alarm is of use if its metric exists, a graph shows it, and the runbook says what to do. The pages and the plan name
// the same alarms.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readPlan } from './plan.mjs'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const plan = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
const NAME = 'doorbell-'
// Target tracking creates its alarms itself; a step policy's alarm only scales and has no receiver.
const alarms = plan.ofType('aws_cloudwatch_metric_alarm').map(({ values }) => ({ ...values, name: values.alarm_name.slice(NAME.length) }))
const widgets = JSON.parse(plan.ofType('aws_cloudwatch_dashboard')[0].values.dashboard_body).widgets
const [runbook, logging] = [read('docs/runbook.md'), read('docs/logging.md')]
// Rows of the table of metrics: name, what it counts, interpretation.
const rows = logging.slice(logging.indexOf('\n## Metrics')).split('\n').filter((line) => /^\| `[A-Z][a-z]\w+` \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, metric, , interpretation]) => ({ metric: metric.replaceAll('`', ''), alarms: [...interpretation.matchAll(/`([a-z]+(?:-[a-z]+)+|panics|quarantined)`/g)].map((found) => found[1]) }))
const section = (name) => runbook.split(/^## /m).find((part) => part.startsWith(`${name}\n`))

describe('each alarm of the plan', () => {
  it('is one of those that the pages expect', () => {
    assert.deepEqual(alarms.map(({ name }) => name).sort(), [
      'dead-letters', 'done-event-failures', 'duplicate-build', 'event-queue-age', 'events-dead-letters', 'jobs-wait', 'panics', 'pull-request-logs', 'quarantined', 'rejection-rate',
      'report-failures', 'starts-refused', 'subscription-dead-letters', 'sweep-missing', 'trigger-queue-age',
    ])
  })
  for (const alarm of alarms) {
    it(`${alarm.name} has a section of the runbook`, () => {
      assert.ok(section(alarm.name)?.length > 150, 'no section, or an empty one')
      assert.match(alarm.alarm_description, new RegExp(`See docs/runbook.md, ${alarm.name}\\.$`))
    })
    it(`${alarm.name} has a graph of its metric`, () => {
      const dimensions = Object.entries(alarm.dimensions).flat()
      const wanted = JSON.stringify([alarm.namespace, alarm.metric_name, ...dimensions])
      assert.ok(widgets.some(({ properties }) => properties.metrics?.some((metric) => JSON.stringify(metric) === wanted)), wanted)
    })
    it(`${alarm.name} notifies when it begins and when it ends`, () => {
      assert.deepEqual(alarm.alarm_actions, alarm.ok_actions)
      assert.notEqual(alarm.actions_enabled, false)
    })
  }
})

describe('each metric of the worker', () => {
  const source = ['engine/src/metrics.rs', 'src/metrics/otlp/mod.rs'].map((file) => read(`worker/${file}`).split('#[cfg(test)]')[0]).join('\n')
  const recorded = [...source.matchAll(/(?:increment|set|record)\("(\w+)"/g)].map((found) => found[1])
  it('is in the table of the page', () => {
    assert.deepEqual(rows.map(({ metric }) => metric).sort(), recorded.sort())
  })
  for (const { metric, alarms: named } of rows) {
    it(`${metric} has the alarms that its row names`, () => {
      const wanted = alarms.filter((alarm) => alarm.namespace === 'Doorbell' && alarm.metric_name === metric).map(({ name }) => name)
      // The row of dead letters names the alarm of a queue.
      const found = named.filter((name) => name !== 'dead-letters')
      assert.deepEqual(found, wanted)
    })
  }
})

describe('saved queries', () => {
  const queries = plan.ofType('aws_cloudwatch_query_definition').map(({ values }) => values)
  it('read the log of the workers', () => {
    assert.ok(queries.length > 0)
    for (const query of queries) assert.deepEqual(query.log_group_names, ['/doorbell/worker'])
  })
  it('are those that the pages name', () => {
    const named = [...`${logging}${runbook}`.matchAll(/saved query\s`([a-z ]+)`/g)].map((found) => found[1])
    const names = queries.map(({ name }) => name.replace('doorbell/', ''))
    for (const name of new Set(named)) assert.ok(names.includes(name), `there is no query "${name}"`)
    for (const name of names) assert.ok(`${logging}${runbook}`.includes(`\`${name}\``), `no page names the query "${name}"`)
  })
})

describe('a deployment of workers', () => {
  const service = plan.ofType('aws_ecs_service').find(({ values }) => values.name === 'doorbell-worker').values
  it('fails and is rolled back if workers do not become steady, or if an alarm of theirs goes on', () => {
    assert.equal(service.wait_for_steady_state, true)
    assert.deepEqual(service.deployment_circuit_breaker, [{ enable: true, rollback: true }])
    assert.deepEqual(service.alarms, [{ alarm_names: ['doorbell-panics', 'doorbell-starts-refused'], enable: true, rollback: true }])
  })
})
