// One broker of the double: a port on 127.0.0.1, its connections, and what can be done to all of them at once.

import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Connection } from './connection.ts'
import type { ConnectionHost } from './connection.ts'

const listenTriesMax = 100
const listenPauseMs = 20

export class Broker {
  readonly #host: ConnectionHost
  readonly #nextNumber: () => number
  readonly #connections = new Set<Connection>()
  #server: Server | undefined
  #port = 0
  #frozen = false

  constructor (host: ConnectionHost, nextNumber: () => number) {
    this.#host = host
    this.#nextNumber = nextNumber
  }

  get port (): number { return this.#port }
  get connectionCount (): number { return this.#connections.size }

  /** Takes connections, again on the port it had before. */
  async start (): Promise<void> {
    for (let tries = 1; this.#server === undefined; tries++) {
      try {
        this.#server = await this.#listen()
      } catch (error) {
        if (tries === listenTriesMax) throw error
        await pause(listenPauseMs)
      }
    }
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #listen (): Promise<Server> {
    const server = createServer(socket => {
      const connection = new Connection(socket, this.#nextNumber(), this.#host)
      if (this.#frozen) connection.hold()
      this.#connections.add(connection)
      socket.once('close', () => { this.#connections.delete(connection) })
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', () => { resolve(server) })
    })
  }

  /** Ends all connections and refuses new ones. */
  async stop (): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise<void>(resolve => { server.close(() => { resolve() }) })
    this.cut()
    await closed
  }

  cut (): void {
    for (const connection of this.#connections) connection.destroy()
  }

  /** The connections of now stand still; new ones work. */
  silence (): void {
    for (const connection of this.#connections) connection.hold()
  }

  /** All connections stand still, and new ones do. */
  freeze (): void {
    this.#frozen = true
    this.silence()
  }

  /** What was sent meanwhile is done now, also for clients that have gone. */
  thaw (): void {
    this.#frozen = false
    for (const connection of this.#connections) connection.resume()
  }
}
