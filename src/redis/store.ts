// Redis or Valkey as the store of leases: one connection of a worker, made anew by whoever uses it when it fails.

import { readFileSync } from 'node:fs'
import type { RedisClientType } from 'redis'
import type { SharedLimitsSettings } from './config.ts'
import type { LeaseOrder, LeaseStore } from './lease.ts'
import { argumentsOf, grantOf, scripts } from './scripts.ts'

type Client = RedisClientType<Record<string, never>, Record<string, never>, Record<string, never>, 2>

/** The library is loaded only where it is used, with the first connection. */
export function createRedisStore (settings: SharedLimitsSettings['redis']): LeaseStore {
  let client: Client | undefined
  let attempt = 0

  function drop (): void {
    attempt++
    if (client?.isOpen === true) client.destroy()
    client = undefined
  }

  async function connect (): Promise<void> {
    drop()
    const own = attempt
    const made = await createClient(settings)
    if (own !== attempt) throw new Error('the connection was given up')
    client = made
    await made.connect()
    for (const { text } of Object.values(scripts)) await made.sendCommand(['SCRIPT', 'LOAD', text])
    // A replica, or a server that is full or may not be written to, is told apart here and not by the first events.
    await made.sendCommand(['SET', `${settings.keyPrefix}probe`, '', 'PX', '1000'])
  }

  async function ask (open: Client, order: LeaseOrder): Promise<unknown> {
    const { text, digest } = scripts[order.settings.kind]
    const rest = ['1', settings.keyPrefix + order.place, ...argumentsOf(order)]
    try {
      return await open.sendCommand(['EVALSHA', digest, ...rest])
    } catch (error) {
      // Somebody flushed the scripts, or another server answers at this address.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return open.sendCommand(['EVAL', text, ...rest])
    }
  }

  return {
    connect, drop,
    async lease (orders) {
      const open = client
      if (open?.isReady !== true) throw new Error('there is no connection to the store')
      // What is sent in one turn leaves in one write.
      const replies = await Promise.all(orders.map(order => ask(open, order)))
      return replies.map(grantOf)
    }
  }
}

async function createClient ({ url, tls, connectTimeoutMs }: SharedLimitsSettings['redis']): Promise<Client> {
  const { createClient } = await import('redis')
  const address = url.reveal()
  const encrypted = address.startsWith('rediss:')
  const common = { connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const
  const authority = tls?.ca === undefined ? {} : { ca: readFileSync(tls.ca) }
  const name = tls?.servername === undefined ? {} : { servername: tls.servername }
  const made = createClient({
    url: address,
    socket: encrypted ? { ...common, tls: true, ...authority, ...name } : common,
    // The older protocol, which every store and proxy speaks; nothing here needs more.
    RESP: 2,
    disableClientInfo: true,
    disableOfflineQueue: true,
    commandsQueueMaxLength: commandsMax
  })
  // Every question reports its own failure; an event without a listener would end the thread.
  made.on('error', () => {})
  return made as unknown as Client
}

/** A round trip asks for at most 256 keys, and each may be asked for a second time. */
const commandsMax = 1_024
