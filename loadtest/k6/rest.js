// k6: events over REST, one per request or as lines, at the rates of ../scenarios.ts. Run: k6 run -e URL=... rest.js

import { check } from 'k6'
import exec from 'k6/execution'
import http from 'k6/http'
import { Counter } from 'k6/metrics'
import { bodyText, channel, scenarios } from '../scenarios.ts'

const base = __ENV.URL || 'http://127.0.0.1:8080'
/** Comma-separated names of scenarios; all by default, one after the other. */
const wanted = (__ENV.SCENARIO || Object.keys(scenarios).join(',')).split(',')
const key = __ENV.API_KEY
const seconds = Number(__ENV.SECONDS || 0)

const written = new Counter('events_written')
const refused = new Counter('events_refused')
const unknown = new Counter('events_unknown')

/** @type {Record<string, { body: string, params: import('k6/http').RefinedParams<'text'> }>} */
const requests = {}
/** @type {Record<string, import('k6/options').ConstantArrivalRateScenario>} */
const planned = {}
let startSeconds = 0
for (const [name, scenario] of Object.entries(scenarios)) {
  if (!wanted.includes(name)) continue
  const durationSeconds = seconds || scenario.durationSeconds
  requests[name] = {
    body: bodyText(scenario),
    params: {
      headers: { 'content-type': scenario.contentType, ...(key === undefined ? {} : { 'x-api-key': key }) },
      tags: { scenario: name },
      responseType: 'text'
    }
  }
  planned[name] = {
    executor: 'constant-arrival-rate', exec: 'send', timeUnit: '1s', rate: scenario.requestsPerSecond,
    preAllocatedVUs: scenario.connections, maxVUs: scenario.connections * 4,
    startTime: `${startSeconds}s`, duration: `${durationSeconds}s`, gracefulStop: '10s'
  }
  startSeconds += durationSeconds + 1
}

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: planned,
  // Tells whether answers are right, not whether this machine is fast.
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'], events_unknown: ['count==0'] },
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max']
}

/** @param {string} text @param {string} part */
function countOf (text, part) {
  return text.split(part).length - 1
}

export function send () {
  const { name } = exec.scenario
  const request = requests[name]
  const scenario = Object.entries(scenarios).find(([each]) => each === name)?.[1]
  if (request === undefined || scenario === undefined) throw new Error(`no scenario ${name}`)
  const response = http.post(`${base}/v1/events/${channel}`, request.body, request.params)
  const text = response.body ?? ''
  const writtenCount = countOf(text, '"outcome":"written"')
  written.add(writtenCount)
  refused.add(countOf(text, '"outcome":"refused"'))
  unknown.add(countOf(text, '"outcome":"unknown"'))
  check(response, {
    'status is 200 or 202': ({ status }) => status === 200 || status === 202,
    'every event has its receipt': () => writtenCount === scenario.eventsPerRequest
  })
}
