// Loaded into worker threads by fault tests only: breaks the worker on command, in one of the ways workers break.

import { parentPort } from 'node:worker_threads'

export type Break = 'throw' | 'heap' | 'loop'
export interface BreakMessage { readonly kind: 'break', readonly how: Break }

parentPort?.on('message', (message: BreakMessage) => {
  if (message.kind !== 'break') return
  if (message.how === 'throw') throw new Error('broken by a test')
  if (message.how === 'loop') while (true) { /* for ever, which is the point */ }
  const hoard: string[][] = []
  while (true) hoard.push(Array.from({ length: 100_000 }, (_, at) => `${hoard.length} ${at}`))
})
// Listening must not keep a worker alive that has drained.
parentPort?.unref()
