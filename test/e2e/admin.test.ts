// A gateway of two workers and its admin listener: disabling reaches both at once, and whoever takes the place of one.

import t from 'tap'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { askAdmin } from '../support/admin-rig.ts'
import type { AdminAnswer } from '../support/admin-rig.ts'
import { makeCertificates } from '../support/certificates.ts'
import { metricOf } from '../support/metrics.ts'
import { runCli } from '../support/run-cli.ts'
import { until } from '../support/until.ts'

const [token, annasKey, bobsKey] = [makeApiKey(), makeApiKey(), makeApiKey()]
/** Enough that both workers have some: the system spreads connections by their ports. */
const connectionCount = 24

const config = (cert: string, key: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
  - { protocol: admin, port: 0 }
  - { protocol: admin, port: 0, tls: { cert: "${cert}", key: "${key}" } }
workers: 2
sink: journal
admin: { tokens: [ "${token.hash}" ] }
principals:
  - { name: anna, groups: [ shops ], credentials: [ { apiKey: "${annasKey.hash}" } ] }
  - { name: bob, credentials: [ { apiKey: "${bobsKey.hash}" } ] }
authentication: [ auth-api-key ]
tracing: { serviceName: "\${env:SERVICE}" }
routes:
  - { name: a, channel: a, topic: a }
`

/** Keep-alive connections of one principal; each sends one event at a time. */
class Sender {
  readonly #agents = Array.from({ length: connectionCount }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  readonly #port: number
  readonly #key: string
  constructor (port: number, key: string) {
    this.#port = port
    this.#key = key
  }

  /** Statuses of one event over each connection, and how many went over one that had been used before. */
  async send (): Promise<{ statuses: number[], reusedCount: number }> {
    let reusedCount = 0
    const statuses = await Promise.all(this.#agents.map(agent => new Promise<number>((resolve, reject) => {
      const headers = { 'x-api-key': this.#key, 'content-type': 'application/json' }
      const sent = request({ host: '127.0.0.1', port: this.#port, path: '/v1/events/a', method: 'POST', agent, headers })
      sent.on('response', response => {
        if (sent.reusedSocket) reusedCount++
        text(response).then(() => { resolve(response.statusCode ?? 0) }, reject)
      })
      sent.on('error', reject).end('1')
    })))
    return { statuses: [...new Set(statuses)], reusedCount }
  }

  close (): void { for (const agent of this.#agents) agent.destroy() }
}

/** Asks for what stands there, or disables or enables the principal of that path. */
async function admin (gateway: GatewayProcess, path: string, disabled?: boolean): Promise<AdminAnswer> {
  const headers = { authorization: `Bearer ${token.key}` }
  if (disabled === undefined) return askAdmin(gateway.adminPort, path, { headers })
  return askAdmin(gateway.adminPort, path, { method: 'PUT', headers, body: JSON.stringify({ disabled }) })
}

t.test('the admin listener of a gateway with two workers', { timeout: 240_000 }, async t => {
  const folder = t.testdir()
  const { caPath, certPath, keyPath } = await makeCertificates(folder)
  const gateway = await startGatewayProcess(folder, config(certPath, keyPath), { SERVICE: 'shop' })
  t.teardown(() => gateway.kill())
  const [anna, bob] = [new Sender(gateway.port, annasKey.key), new Sender(gateway.port, bobsKey.key)]
  t.teardown(() => { anna.close(); bob.close() })
  const workersAre = (count: number): Promise<number> => until(async () => {
    const { workers } = (await admin(gateway, '/v1/status')).json as { workers: { alive: number, restarts: number } }
    return workers.alive === 2 && workers.restarts === count
  }, { timeoutMs: 90_000, what: () => `two workers after ${count} restarts\n${gateway.log()}` })

  t.same(await anna.send(), { statuses: [200], reusedCount: 0 })
  t.same(await bob.send(), { statuses: [200], reusedCount: 0 })

  t.test('the state of the node is told, and nothing secret', async t => {
    t.match((await admin(gateway, '/v1/status')).json, {
      status: 'ok', reasons: [], version: '0.0.0-test', configHash: /^[0-9a-f]{16}$/, uptimeSeconds: Number,
      workers: { alive: 2, wanted: 2, restarts: 0 }, sink: { kind: 'journal', ready: true, reason: '' },
      listeners: [
        { protocol: 'http', port: gateway.port }, { protocol: 'health', port: gateway.healthPort },
        { protocol: 'admin', port: gateway.adminPort, host: '127.0.0.1', secure: false }, { protocol: 'admin', secure: true }
      ],
      budget: { usedBytes: 0, limitBytes: 67_108_864 }
    })
    const { text: shown, json } = await admin(gateway, '/v1/config')
    t.match(json, { tracing: { serviceName: 'shop' }, principals: [{ name: 'anna', credentials: [{ apiKey: '***' }] }, {}] })
    for (const { key, hash } of [token, annasKey, bobsKey]) {
      for (const canary of [key, hash, hash.slice('sha256:'.length)]) t.notMatch(shown, canary)
    }
    t.match((await admin(gateway, '/v1/principals')).json, {
      principals: [{ name: 'anna', groups: ['shops'], credentials: ['apiKey'], disabled: false }, { name: 'bob' }]
    })
    const { levels } = (await admin(gateway, '/v1/limits')).json as { levels: { name: string, value: number }[] }
    const connections = levels.filter(({ name }) => /^sluice_connections/.test(name)).map(({ value }) => value)
    t.ok(connections.some(value => value >= 2 * connectionCount), connections.join())
    t.ok(levels.some(({ name }) => name === 'sluice_budget_used_bytes'))
  })

  t.test('a wrong token is refused and counted', async t => {
    const wrong = makeApiKey().key
    t.match(await askAdmin(gateway.adminPort, '/v1/status', { headers: { authorization: `Bearer ${wrong}` } }), { status: 401 })
    t.equal(await metricOf(gateway.healthPort, 'sluice_admin_wrong_tokens_total'), 1)
  })

  t.test('the command line reaches it over TLS', async t => {
    const { listeners } = (await admin(gateway, '/v1/status')).json as { listeners: { port: number, secure: boolean }[] }
    const url = `https://127.0.0.1:${listeners.find(({ secure }) => secure)?.port}`
    const env = { SLUICE_ADMIN_TOKEN: token.key }
    t.match(await runCli(['status', '--url', url, '--cacert', caPath], { cwd: folder, env }), {
      code: 0, stderr: '', stdout: /^ok\nversion {4}0\.0\.0-test.*workers {4}2 of 2, 0 replaced/s
    })
    t.match(await runCli(['status', '--url', url], { cwd: folder, env }), { code: 74, stdout: '', stderr: /no answer from https/ })
  })

  t.test('the very next event on every open connection of a disabled principal is refused, on both workers', async t => {
    for (let turn = 0; turn < 5; turn++) {
      t.match(await admin(gateway, '/v1/principals/anna', true), { status: 200, json: { disabled: true } })
      const refused = await anna.send()
      t.same(refused.statuses, [401])
      t.equal(refused.reusedCount, connectionCount, 'over the connections that it had')
      t.same((await bob.send()).statuses, [200])
      t.match(await admin(gateway, '/v1/principals/anna', false), { status: 200, json: { disabled: false } })
      t.same((await anna.send()).statuses, [200])
    }
  })

  t.test('whoever takes the place of a worker knows who is disabled', async t => {
    await admin(gateway, '/v1/principals/anna', true)
    for (const worker of [0, 1]) {
      gateway.breakWorker(worker, 'throw')
      await workersAre(worker + 1)
    }
    const [late, other] = [new Sender(gateway.port, annasKey.key), new Sender(gateway.port, bobsKey.key)]
    t.teardown(() => { late.close(); other.close() })
    t.same((await late.send()).statuses, [401])
    t.same((await other.send()).statuses, [200])
    await admin(gateway, '/v1/principals/anna', false)
    t.same((await late.send()).statuses, [200])
  })

  t.test('an event is explained by a worker as it is now, and is not written', async t => {
    const written = (): Promise<number> => metricOf(gateway.healthPort, 'sluice_events_received_total')
    const before = await written()
    const options = { cwd: folder, env: { SLUICE_ADMIN_TOKEN: token.key }, stdin: '{"a":1}' }
    const words = ['explain', 'a', '--live', '--url', `http://127.0.0.1:${gateway.adminPort}`]
    const shown = await runCli([...words, '-H', `x-api-key: ${annasKey.key}`], options)
    t.match(shown, { code: 0, stdout: /principal {2}anna \(shops\)\n {2}route {6}a\n.*reply {6}HTTP\/1.1 200 OK/s })
    await admin(gateway, '/v1/principals/anna', true)
    t.match(await runCli([...words, '-H', `x-api-key: ${annasKey.key}`], options), {
      code: 1, stdout: /refused {2}unauthenticated: access was ended by the operator/
    })
    await admin(gateway, '/v1/principals/anna', false)
    t.match(await runCli([...words, '--as', 'eve'], options), { code: 1, stderr: /no principal of the config is named eve/ })
    t.equal(await written(), before)
  })

  t.test('it stops in time', async t => {
    t.ok(await gateway.stop())
    const log = gateway.log()
    t.match(log, 'an operator changed something')
    for (const { key, hash } of [token, annasKey, bobsKey]) t.notOk(log.includes(key) || log.includes(hash))
  })
})
