// A worker thread for the tests of the supervisor: it listens to nothing and does what it is told, or worse.

import { parentPort, workerData } from 'node:worker_threads'
import { beat } from '../../src/shared/heartbeat.ts'
import type { FromWorker, WorkerStart } from '../../src/supervisor.ts'

/** What the test gives the worker: how it starts, how it drains, and where its pulse goes. */
export interface FakeWorkerData {
  readonly pulse: SharedArrayBuffer
  readonly start: 'listen' | 'fail' | 'exit' | 'listen-and-exit'
  readonly drain: 'exit' | 'ignore'
}

/** What a test may ask of a running worker beside what the supervisor says. */
export type FakeOrder = { readonly kind: 'throw' | 'loop' | 'heap' }

if (parentPort === null) throw new Error('fake-worker.ts runs as a worker thread')
const port = parentPort
const { index, ports, data } = workerData as WorkerStart
const { pulse, start, drain } = data as FakeWorkerData
const tell = (message: FromWorker): void => port.postMessage(message)
const portsFound = [41_000, 41_001]

function fillHeap (): never {
  const held: number[][] = []
  while (true) held.push(Array.from({ length: 10_000 }, (_, at) => at * 1.5))
}

port.on('message', (message: { kind: string, id: number, port?: unknown }) => {
  switch (message.kind) {
    case 'ask': return tell({ kind: 'answer', id: message.id, answer: { worker: index, ports } })
    case 'port': return tell({ kind: 'answer', id: -1, answer: undefined })
    case 'drain': return drain === 'exit' ? process.exit(0) : undefined
    case 'throw': throw new Error('told to throw')
    case 'heap': return fillHeap()
    case 'loop': while (true);
    default: throw new Error(`unknown message ${message.kind}`)
  }
})
beat(pulse, index, 20)

if (start === 'exit') process.exit(7)
if (start === 'fail') {
  tell({ kind: 'failed', message: 'the port is in use', code: 'EADDRINUSE' })
  setImmediate(() => process.exit(1))
} else {
  const addresses = (ports.length > 0 ? ports : portsFound)
    .map(found => ({ protocol: 'http', host: '127.0.0.1', port: found, secure: false }))
  tell({ kind: 'listening', addresses })
  if (start === 'listen-and-exit') setImmediate(() => process.exit(7))
}
