// The sockets under kafkajs: TLS, time limits that close a silent connection, and the tap on produce requests.

import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { KafkaSettings } from '../config.ts'
import { tlsOptions } from '../tls.ts'
import type { ProduceTap } from './produce-tap.ts'

/** How long a closed socket may take to say goodbye, in milliseconds. */
const goodbyeMs = 1_000

interface SocketsOptions {
  readonly config: KafkaSettings
  readonly requestTimeoutMs: number
  /** Makes the tap of a new connection, where produce requests travel on it. */
  readonly tap?: () => ProduceTap
  /** Called when no connection is left. */
  readonly onEmpty?: () => void
}

/** What kafkajs gives its socket factory. */
interface Destination { readonly host: string, readonly port: number, readonly onConnect: () => void }

/** All sockets of one kafkajs client. kafkajs itself neither closes a silent connection nor bounds its goodbye. */
export class Sockets {
  readonly #options: SocketsOptions
  readonly #open = new Set<Socket>()

  constructor (options: SocketsOptions) {
    this.#options = options
  }

  get openCount (): number { return this.#open.size }

  /** The `socketFactory` of a kafkajs client. */
  readonly connect = ({ host, port, onConnect }: Destination): Socket => {
    const socket = this.#create(host, port, onConnect)
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#open.size === 0) this.#options.onEmpty?.()
    })
    // A half-closed connection to a frozen peer would stay for ever.
    socket.once('finish', () => { setTimeout(() => socket.destroy(), goodbyeMs).unref() })
    this.#limit(socket)
    return socket
  }

  destroyAll (): void {
    for (const socket of this.#open) socket.destroy()
  }

  #create (host: string, port: number, onConnect: () => void): Socket {
    const { config } = this.#options
    if (config.tls === undefined) return net.connect({ host, port, noDelay: true, keepAlive: true }, onConnect)
    try {
      const socket = tls.connect({ host, port, ...tlsOptions(config.tls, host) }, onConnect)
      return socket.setNoDelay(true).setKeepAlive(true, 60_000)
    } catch (error) {
      // kafkajs attaches its listeners after this call: the error has to come later, like one of the network.
      const broken = new net.Socket()
      process.nextTick(() => broken.destroy(error as Error))
      return broken
    }
  }

  /**
   * Bounds the handshake, and from then on the time from a request to its answer. Destroying the socket with an error
   * is what makes kafkajs fail its requests, refresh its metadata and connect again, all under the same producer id.
   */
  #limit (socket: Socket): void {
    const { config, requestTimeoutMs } = this.#options
    const tap = this.#options.tap?.()
    let timer: NodeJS.Timeout | undefined
    const fail = (what: string): void => {
      timer = undefined
      socket.destroy(Object.assign(new Error(what), { code: 'ETIMEDOUT' }))
    }
    timer = setTimeout(fail, config.connectionTimeoutMs, 'no connection in time')
    socket.once(config.tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      timer = undefined
    })
    socket.once('close', () => clearTimeout(timer))
    const write = socket.write.bind(socket) as (chunk: Buffer) => boolean
    socket.write = ((chunk: Buffer): boolean => {
      const payload = tap?.request(chunk)
      timer ??= setTimeout(fail, requestTimeoutMs, 'no answer in time')
      if (payload === undefined) return write(chunk)
      socket.cork()
      write(chunk)
      const flowing = write(payload)
      socket.uncork()
      return flowing
    }) as Socket['write']
    socket.on('data', (chunk: Buffer) => {
      tap?.received(chunk)
      clearTimeout(timer)
      timer = tap !== undefined && tap.unansweredCount > 0
        ? setTimeout(fail, requestTimeoutMs, 'no answer in time')
        : undefined
    })
  }
}
