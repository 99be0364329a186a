// The load generator, a process of its own: keep-alive sockets with one request under way each, bounded in all.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { AnswerReader } from './answer-reader.ts'

export interface LoadSetup {
  readonly port: number
  readonly connections: number
  /** A whole request as it goes over the wire. */
  readonly request: string
}

export type ToLoad =
  | { readonly kind: 'connect', readonly setup: LoadSetup }
  /** Sends so many requests, or for so long, whatever is over first; then waits for the answers. */
  | { readonly kind: 'run', readonly requests: number, readonly sendMs: number }

export type FromLoad =
  | { readonly kind: 'done', readonly answered: number, readonly failed: number, readonly ms: number }
  | { readonly kind: 'connected' }
  | { readonly kind: 'broken', readonly what: string }

const tell = (message: FromLoad): void => { process.send?.(message) }

let sockets: Socket[] = []
let request = Buffer.alloc(0)
/** Longest that the last answers may take. */
const answerMs = 30_000

let toSend = 0
let underWay = 0
let answered = 0
let failed = 0
let startedMs = 0
let timer: NodeJS.Timeout | undefined

function broken (what: string): void {
  tell({ kind: 'broken', what })
  process.exit(1)
}

function next (socket: Socket): void {
  if (toSend === 0) return
  toSend--
  underWay++
  socket.write(request)
}

function open (port: number): Promise<Socket> {
  const reader = new AnswerReader()
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('data', bytes => {
      const count = reader.take(bytes)
      if (count === 0) return
      answered += count
      underWay -= count
      if (reader.status !== 200) failed += count
      next(socket)
      if (underWay > 0) return
      clearTimeout(timer)
      tell({ kind: 'done', answered, failed, ms: performance.now() - startedMs })
    })
    socket.on('error', error => broken(error.message))
    socket.on('close', () => broken(`a connection was closed, the last status was ${reader.status}`))
  })
}

async function start ({ port, connections, request: text }: LoadSetup): Promise<void> {
  request = Buffer.from(text)
  sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  tell({ kind: 'connected' })
}

function run (requests: number, sendMs: number): void {
  answered = 0
  failed = 0
  toSend = requests
  startedMs = performance.now()
  timer = setTimeout(() => {
    toSend = 0
    timer = setTimeout(() => broken(`${underWay} requests were not answered within ${answerMs} ms`), answerMs)
  }, sendMs)
  for (const socket of sockets) next(socket)
}

process.on('message', (message: ToLoad) => {
  if (message.kind === 'run') run(message.requests, message.sendMs)
  else start(message.setup).catch((error: unknown) => broken(String(error)))
})
process.on('disconnect', () => process.exit())
