// One bridge in one worker: keeps a connection to its broker, makes it anew with growing pauses, and ends in order.

import { hostname } from 'node:os'
import type { Ingress, Log, Post } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { anonymousPrincipal } from '../../src/contract/principal.ts'
import { Backoff } from './backoff.ts'
import { openSocket } from './broker-socket.ts'
import type { BridgeSettings } from './config.ts'
import { Connection, nextConnectionId, sharedPrefix } from './connection.ts'
import type { ConnectionOwner } from './connection.ts'
import { Deliveries } from './deliveries.ts'

export interface BridgeOptions {
  readonly settings: BridgeSettings
  readonly ingress: Ingress
  readonly log: Log
}

/** What every connection of a bridge has in common. */
interface Call {
  readonly clientId: string
  readonly filters: readonly string[]
  readonly principal: Principal
}

const firstReconnectMs = 200

export class Bridge {
  readonly deliveries: Deliveries
  readonly #options: BridgeOptions
  readonly #backoff: Backoff
  #call: Call | undefined
  #connection: Connection | undefined
  #timer: NodeJS.Timeout | undefined
  #acceptedAtMs = 0
  #hasSubscribed = false
  #isStopped = false
  #isRefusing = false
  #unwatch = (): void => {}
  isConnected = false
  connectsCount = 0
  lossesCount = 0

  constructor (options: BridgeOptions) {
    const { settings, ingress, log } = options
    this.#options = options
    this.#backoff = new Backoff({ firstMs: firstReconnectMs, longestMs: settings.reconnectDelayMaxMs })
    this.deliveries = new Deliveries({
      settings, ingress, log,
      acknowledge: list => { this.#connection?.acknowledge(list) },
      onRoom: () => { this.#connection?.resume() },
      onStop: ({ code, detail }, topic) => {
        this.#isStopped = true
        this.#isRefusing = true
        log.error({ bridge: settings.name, topic, code, detail },
          'a message was refused for good: the bridge stops, as onRefused says; the broker keeps the message')
        this.#connection?.fail('stopped at a refused message')
      }
    })
  }

  /** True once a refused message has ended it. */
  get isRefusing (): boolean { return this.#isRefusing }
  get heldBytes (): number { return this.deliveries.waitingBytes + (this.#connection?.heldBytes ?? 0) }

  /** Connects, where this worker has anything to read. */
  start ({ worker, principalNamed }: Post): void {
    const { settings, ingress } = this.#options
    const { name, node = hostname() } = settings
    const principal = settings.principal === undefined ? anonymousPrincipal : principalNamed(settings.principal)
    if (principal === undefined) throw new Error(`a checked config has no principal ${settings.principal}`)
    const filters = settings.subscriptions.filter(filter => worker === 0 || filter.startsWith(sharedPrefix))
    if (filters.length === 0) return
    this.#unwatch = ingress.pressure.watch(on => { if (!on) this.deliveries.retry() })
    this.#call = { clientId: `${name}-${node}-${worker}`, filters, principal }
    this.#connect(this.#call)
  }

  async drain (): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#unwatch()
    await this.deliveries.end()
    await this.#connection?.end()
  }

  #connect (call: Call): void {
    const { settings, log } = this.#options
    this.connectsCount++
    try {
      this.#connection = new Connection({
        settings, ...call, isFirst: !this.#hasSubscribed, log, owner: this.#owner(call),
        open: () => openSocket(settings)
      })
    } catch (error) {
      // A file of TLS that cannot be read now: it may be there again soon.
      this.#closed(error instanceof Error ? error.message : String(error))
    }
  }

  #owner ({ clientId, principal }: Call): ConnectionOwner {
    const { settings, log } = this.#options
    return {
      accepted: (connection, isResumed) => {
        this.#acceptedAtMs = performance.now()
        this.deliveries.begin({ settings, principal, peer: connection.peer(nextConnectionId()) }, isResumed)
        log.info({ bridge: settings.name, clientId, isResumed }, 'connected to the MQTT broker')
      },
      subscribed: () => {
        this.#hasSubscribed = true
        this.isConnected = true
      },
      publish: packet => { this.deliveries.take(packet) },
      hasRoom: () => this.deliveries.hasRoom(),
      closed: reason => { this.#closed(reason) }
    }
  }

  #closed (reason: string): void {
    const { settings, log } = this.#options
    this.isConnected = false
    this.#connection = undefined
    this.deliveries.lost()
    const call = this.#call
    if (this.#isStopped || call === undefined) return
    this.lossesCount++
    // A broker that lets in and throws out at once is not called all the time.
    const isLasting = this.#acceptedAtMs > 0 && performance.now() - this.#acceptedAtMs > settings.reconnectDelayMaxMs
    if (isLasting) this.#backoff.reset()
    this.#acceptedAtMs = 0
    const delayMs = firstReconnectMs / 2 + this.#backoff.nextMs()
    const fields = { bridge: settings.name, reason, delayMs: Math.round(delayMs) }
    log.warn(fields, 'no connection to the MQTT broker, trying again')
    this.#timer = setTimeout(() => { this.#connect(call) }, delayMs)
  }
}
