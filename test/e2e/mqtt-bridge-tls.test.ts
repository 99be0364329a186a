// The bridge and a mosquitto that speaks TLS and knows its users, by password or certificate, and keeps others out.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import type { IClientOptions } from 'mqtt'
import t from 'tap'
import { readJournal } from '../../src/journal/reader.ts'
import { makeCertificates } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { skipWithoutMosquitto, startMosquitto } from '../support/mosquitto-process.ts'
import type { MosquittoProcess } from '../support/mosquitto-process.ts'
import { until } from '../support/until.ts'

const skip = skipWithoutMosquitto()
const folder = t.testdir({})
const messagesCount = 50
const password = 'a password with "quotes" and spaces'

interface Files { readonly caPath: string, readonly certPath: string, readonly keyPath: string }

interface Certified { readonly server: Files, readonly plant: Files, readonly stranger: Files }

async function certified (): Promise<Certified> {
  const own = join(folder, 'own')
  const server = await makeCertificates(own)
  const plant = await makeCertificates(own, { name: 'plant', commonName: 'plant', names: [] })
  // Of an authority that nobody here trusts.
  const stranger = await makeCertificates(join(folder, 'other'), { name: 'plant', commonName: 'plant', names: [] })
  return { server, plant, stranger }
}

/** Users by password; each reads and writes what belongs to the plant. */
function accessLines (): string[] {
  mkdirSync(folder, { recursive: true })
  const [passwords, access] = [join(folder, 'passwords'), join(folder, 'access')]
  execFileSync('mosquitto_passwd', ['-c', '-b', passwords, 'plant', password], { stdio: 'ignore' })
  writeFileSync(access, 'user plant\ntopic readwrite plant/#\n', { mode: 0o600 })
  return ['allow_anonymous false', `password_file ${passwords}`, `acl_file ${access}`]
}

function secureLines ({ caPath, certPath, keyPath }: Files): string[] {
  return [`cafile ${caPath}`, `certfile ${certPath}`, `keyfile ${keyPath}`]
}

interface Ports { readonly byPassword: number, readonly byCertificate: number }

function configOf ({ byPassword, byCertificate }: Ports, { server, plant, stranger }: Certified): string {
  const ca = JSON.stringify(server.caPath)
  const bridge = (name: string, port: number, more: string): string => `
  - { name: ${name}, node: here, url: "mqtts://127.0.0.1:${port}", subscriptions: [ "plant/#" ], reconnectDelayMaxMs: 500,
      ${more} }`
  const user = `username: plant, password: "\${env:PLANT_PASSWORD}"`
  const identity = (files: Files): string => `tls: { ca: ${ca}, cert: "${files.certPath}", key: "${files.keyPath}" }`
  return `
sink: journal
workers: 1
listeners: [ { protocol: health, port: 0 } ]
log: { level: info }
mqttBridge:${bridge('with-password', byPassword, `version: 5, ${user}, tls: { ca: ${ca} }`)}
${bridge('with-certificate', byCertificate, `version: 3.1.1, stripPrefix: plant/, addPrefix: certified/, ${identity(plant)}`)}
${bridge('wrong-password', byPassword, `username: plant, password: "not it", tls: { ca: ${ca} }`)}
${bridge('no-user', byPassword, `tls: { ca: ${ca} }`)}
${bridge('wrong-authority', byPassword, `${user}, tls: { ca: "${stranger.caPath}" }`)}
${bridge('wrong-name', byPassword, `${user}, tls: { ca: ${ca}, servername: broker.example }`)}
${bridge('no-certificate', byCertificate, `tls: { ca: ${ca} }`)}
${bridge('foreign-certificate', byCertificate, identity(stranger))}
routes:
  - { name: plant, channel: "plant/{line}", topic: plant }
  - { name: certified, channel: "certified/{line}", topic: certified }
`
}

/** Publishes through the broker; resolves when it has acknowledged all. */
async function publish (port: number, options: IClientOptions, texts: readonly string[]): Promise<void> {
  const client = await connectAsync(`mqtts://127.0.0.1:${port}`, { ...options, reconnectPeriod: 0 })
  await Promise.all(texts.map(text => client.publishAsync('plant/line-1', text, { qos: 1 })))
  await client.endAsync()
}

async function journalTexts (topic: string): Promise<string[]> {
  const texts: string[] = []
  for await (const item of readJournal(join(folder, 'gateway/data/journal'), { from: 'beginning', follow: false })) {
    if (item.kind === 'event' && item.topic === topic) texts.push(String(item.value))
  }
  return texts
}

interface Line { readonly bridge?: string, readonly reason?: string, readonly msg?: string }

function linesOf (gateway: GatewayProcess, bridge: string): Line[] {
  return gateway.log().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Line)
    .filter(line => line.bridge === bridge)
}

async function connectedCount (gateway: GatewayProcess): Promise<number> {
  return metricOf(gateway.healthPort, 'sluice_brokers_connected', 'door="mqtt-bridge"')
}

t.test('a bridge over TLS', { skip, timeout: 120_000 }, async t => {
  const files = await certified()
  const lines = accessLines()
  const byPassword = await startMosquitto(join(folder, 'one'), { lines: [...lines, ...secureLines(files.server)] })
  t.teardown(() => byPassword.stop())
  const byCertificate = await startMosquitto(join(folder, 'two'), {
    lines: [...secureLines(files.server), 'require_certificate true', 'use_identity_as_username true', ...lines.slice(2)]
  })
  t.teardown(() => byCertificate.stop())
  const ports = { byPassword: byPassword.port, byCertificate: byCertificate.port }
  const gateway = await startGatewayProcess(join(folder, 'gateway'), configOf(ports, files), { PLANT_PASSWORD: password })
  t.teardown(() => gateway.kill())
  const told = (bridge: string, reason: RegExp): Promise<number> => until(
    () => linesOf(gateway, bridge).some(line => reason.test(line.reason ?? '')),
    { timeoutMs: 30_000, what: () => `${bridge}: ${JSON.stringify(linesOf(gateway, bridge))}\n${byPassword.log()}` })
  const bothConnected = (): Promise<number> => until(async () => await connectedCount(gateway) === 2, {
    timeoutMs: 30_000, what: () => `two connected\n${gateway.log()}\n${byPassword.log()}\n${byCertificate.log()}`
  })
  await bothConnected()
  const ca = readFileSync(files.server.caPath)
  const passwordClient = { ca, username: 'plant', password }
  const certificateClient = { ca, cert: readFileSync(files.plant.certPath), key: readFileSync(files.plant.keyPath) }

  /** Both brokers take them, and they come out of the journal; then none is left with a broker. */
  async function flows (name: string): Promise<void> {
    const texts = Array.from({ length: messagesCount }, (_, at) => `${name}-${at}`)
    await publish(byPassword.port, passwordClient, texts)
    await publish(byCertificate.port, certificateClient, texts)
    for (const topic of ['plant', 'certified']) {
      await until(async () => (await journalTexts(topic)).filter(text => text.startsWith(`${name}-`)).length >= messagesCount, {
        timeoutMs: 30_000, what: () => `${name} in ${topic}\n${gateway.log()}`
      })
      t.same((await journalTexts(topic)).filter(text => text.startsWith(`${name}-`)), texts, `${name}: ${topic} has each once`)
    }
  }

  await t.test('messages of a user with a password, and of one with a certificate, become events', async () => {
    await flows('first')
  })

  await t.test('a broker that restarts gets both back, with their sessions', async t => {
    const restarted = async (broker: MosquittoProcess, name: string): Promise<void> => {
      const lossesBefore = linesOf(gateway, name).filter(({ reason }) => reason !== undefined).length
      await broker.stop()
      await until(() => linesOf(gateway, name).filter(({ reason }) => reason !== undefined).length > lossesBefore, {
        timeoutMs: 30_000, what: () => `${name} has lost its broker`
      })
      await broker.start()
    }
    await restarted(byPassword, 'with-password')
    await restarted(byCertificate, 'with-certificate')
    await bothConnected()
    await flows('second')
    t.match(linesOf(gateway, 'with-password').at(-1), { isResumed: true })
    t.match(linesOf(gateway, 'with-certificate').at(-1), { isResumed: true })
  })

  await t.test('whom the broker does not let in, and who does not trust it, is told why and goes on trying', async t => {
    await told('wrong-password', /refused|not authori[sz]ed|0x8[67]/i)
    await told('no-user', /refused|not authori[sz]ed|0x8[67]/i)
    await told('wrong-authority', /certificate/i)
    await told('wrong-name', /altname|host/i)
    for (const name of ['no-certificate', 'foreign-certificate']) {
      await until(() => linesOf(gateway, name).filter(({ reason }) => reason !== undefined).length > 1, {
        timeoutMs: 30_000, what: () => `${name} tries again`
      })
    }
    t.equal(await connectedCount(gateway), 2, 'none of them is connected')
    for (const name of ['wrong-password', 'no-user', 'wrong-authority', 'wrong-name', 'no-certificate', 'foreign-certificate']) {
      t.comment(`${name}: ${linesOf(gateway, name).at(-1)?.reason}`)
      t.notOk(linesOf(gateway, name).some(({ msg = '' }) => msg.startsWith('connected')), name)
    }
    t.notMatch(gateway.log(), /not it|with .quotes/, 'no password is written down')
  })

  t.ok(await gateway.stop(), 'it drains in time')
})
