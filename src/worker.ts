// The edge of one worker thread: what the supervisor says goes to the server, what the server says goes back.

import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerStart } from './supervisor.ts'
import { createServer } from './server.ts'
import type { ServerData } from './server.ts'
import type { Question } from './explain.ts'

if (parentPort === null) throw new Error('worker.ts runs as a worker thread of the supervisor')
const port = parentPort
const start = workerData as WorkerStart
const tell = (message: FromWorker): void => port.postMessage(message)

try {
  const server = await createServer({ index: start.index, data: start.data as ServerData })
  const answer = async ({ id, question }: ToWorker & { kind: 'ask' }): Promise<void> => {
    const told = question === undefined ? server.report() : await server.explain(question as Question)
    tell({ kind: 'answer', id, answer: told })
  }
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'ask') void answer(message)
    else if (message.kind === 'port') server.replaceJournal(message.port)
    else if (message.kind === 'drain') void server.drain().then(() => process.exit(0))
  })
  tell({ kind: 'listening', addresses: await server.open(start.ports) })
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException
  tell({ kind: 'failed', message, code: code ?? '' })
  // The message is on its way before the thread ends, because ending waits for nothing else.
  setImmediate(() => process.exit(1))
}
