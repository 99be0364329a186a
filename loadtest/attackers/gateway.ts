// The gateway under attack, as `sluice start` has it: one worker, limits of an operator, and short time limits.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../../src/gateway.ts'
import { schema, settingChecks } from '../../src/settings.ts'
import { makeCertificates } from '../../test/support/certificates.ts'
import { channel } from '../scenarios.ts'
import type { ListenerName } from './attack.ts'
import { readSetup } from '../bench/subjects/subject.ts'

export interface GatewaySetup {
  readonly brokers: readonly string[]
  /** Where the events of good clients go, and where those of attackers go. */
  readonly topic: string
  readonly attackTopic: string
  readonly folder: string
  readonly goodKey: string
  readonly attackKey: string
  readonly attackChannel: string
  /** All time limits that an attack tries. */
  readonly timeoutMs: number
  readonly memoryBytesMax: number
  readonly profile: boolean
}

export interface GatewayListening {
  readonly ports: Readonly<Record<ListenerName | 'health', number>>
}

const hashOf = (key: string): string => `sha256:${createHash('sha256').update(key).digest('hex')}`

const setup = readSetup<GatewaySetup>()
const { certPath, keyPath } = await makeCertificates(setup.folder)
const { timeoutMs } = setup
const text = `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: grpc, port: 0 }
  - { protocol: http, port: 0, tls: { cert: ${certPath}, key: ${keyPath} } }
  - { protocol: health, port: 0 }
workers: 1
log: { level: error }
limits:
  connectionsMax: 15000
  connectionsPerPeerMax: 15000
  preAuthBytesMax: 256MiB
  memoryBytesMax: ${setup.memoryBytesMax}
connections: { headersTimeoutMs: ${timeoutMs}, handshakeTimeoutMs: ${timeoutMs} }
websocket: { messageTimeoutMs: ${timeoutMs}, writeTimeoutMs: ${timeoutMs}, overloadTimeoutMs: ${timeoutMs}, compression: true }
grpc:
  messageTimeoutMs: ${timeoutMs}
  writeTimeoutMs: ${timeoutMs}
  streamIdleTimeoutMs: ${timeoutMs}
  connectionIdleMs: ${timeoutMs}
kafka: { brokers: ${JSON.stringify(setup.brokers)} }
principals:
  - { name: good, groups: [senders], credentials: [ { apiKey: "${hashOf(setup.goodKey)}" } ] }
  - { name: bad, groups: [attackers], credentials: [ { apiKey: "${hashOf(setup.attackKey)}" } ] }
authentication: [ auth-api-key: { header: x-api-key } ]
routes:
  - name: load
    channel: ${channel}
    topic: ${setup.topic}
    policies: [ acl: { allow: [ "group:senders" ] } ]
  - name: attack
    channel: ${setup.attackChannel}
    topic: ${setup.attackTopic}
    policies: [ rate-limit: { per: principal, eventsPerSecondMax: 1000 } ]
`
const loaded = loadConfig({
  text, path: join(setup.folder, 'sluice.yaml'), env: {}, readFile: () => '', schema, checks: settingChecks
})
if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes, undefined, 1))
const gateway = await startGateway({
  document: loaded.document, baseDir: setup.folder, version: '0.0.0-attackers',
  workerExecArgv: setup.profile ? ['--cpu-prof', `--cpu-prof-dir=${setup.folder}`] : []
})
const portOf = (protocol: string, secure = false): number =>
  gateway.listening.find(one => one.protocol === protocol && one.secure === secure)?.port ?? 0
const ports = { http: portOf('http'), grpc: portOf('grpc'), tls: portOf('http', true), health: portOf('health') }
process.send?.({ ports } satisfies GatewayListening)
process.on('disconnect', () => { void gateway.stop().finally(() => process.exit()) })
