// The repaired queue of kafkajs waits only while a request is held back, and then sends it.

import { createRequire } from 'node:module'
import t from 'tap'
import { repairKafkajs } from './repair.ts'

interface Queue {
  throttledUntil: number
  throttleCheckTimeoutId: unknown
  push (request: object): void
  maybeThrottle (ms: number): void
  checkPendingRequests (): void
  fulfillRequest (answer: object): void
}

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (options: object) => Queue

function queue (): Queue {
  repairKafkajs()
  const logger = { debug: () => {}, warn: () => {} }
  return new RequestQueue({ maxInFlightRequests: null, requestTimeout: 1_000, clientId: 'c', broker: 'b', logger })
}

function request (correlationId: number, sendRequest: () => void): object {
  return {
    expectResponse: true, sendRequest,
    entry: { correlationId, apiName: 'Produce', apiKey: 0, apiVersion: 7, resolve: () => {}, reject: () => {} }
  }
}

t.test('an idle connection has no timer', async (t) => {
  const idle = queue()
  idle.push(request(1, () => {}))
  idle.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
  t.equal(idle.throttleCheckTimeoutId, null)
})

t.test('a request that a quota holds back is sent when the quota allows it', async (t) => {
  const throttled = queue()
  throttled.maybeThrottle(30)
  const startMs = Date.now()
  await new Promise<void>((resolve) => {
    throttled.push(request(1, resolve))
    t.not(throttled.throttleCheckTimeoutId, null)
  })
  t.ok(Date.now() - startMs >= 28, 'not earlier')
  t.equal(throttled.throttleCheckTimeoutId, null)
})
