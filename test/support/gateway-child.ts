// A gateway in a process of its own for end-to-end tests: config file in argv, its state and faults over IPC.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../../src/gateway.ts'
import { schema, settingChecks } from '../../src/settings.ts'
import type { Break, BreakMessage } from './worker-breaker.ts'

/** What the test may ask for. */
export type ToGateway = { readonly kind: 'break', readonly worker: number, readonly how: Break } | { readonly kind: 'stop' }
export type FromGateway =
  | { readonly kind: 'listening', readonly addresses: readonly { protocol: string, port: number }[] }
  | { readonly kind: 'stopped', readonly inTime: boolean }

const [path = ''] = process.argv.slice(2)
const read = (file: string): string => readFileSync(file, 'utf8')
const loaded = loadConfig({ text: read(path), path, env: process.env, readFile: read, schema, checks: settingChecks })
if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes, undefined, 1))

const gateway = await startGateway({
  document: loaded.document,
  baseDir: dirname(resolve(path)),
  version: '0.0.0-test',
  workerExecArgv: ['--import', new URL('./worker-breaker.ts', import.meta.url).href]
})
const tell = (message: FromGateway): void => { process.send?.(message) }

process.on('message', (message: ToGateway) => {
  if (message.kind === 'break') {
    const thread = gateway.supervisor.threads[message.worker]
    thread?.postMessage({ kind: 'break', how: message.how } satisfies BreakMessage)
  } else {
    void gateway.stop().then(inTime => {
      tell({ kind: 'stopped', inTime })
      process.disconnect()
    })
  }
})
// A test that is gone needs no gateway.
process.on('disconnect', () => process.exit())
tell({ kind: 'listening', addresses: gateway.listening })
