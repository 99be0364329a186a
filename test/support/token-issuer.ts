// An issuer of tokens for tests: real keys, tokens of any kind, and an endpoint that answers as the test says.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWK } from 'jose'

export interface SigningKey {
  readonly alg: string
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly pem: string
}

export async function makeKey (alg: string, kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return {
    alg, kid, privateKey, jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' }, pem: await exportSPKI(publicKey)
  }
}

/** Signs claims as they are, with header fields of the test's own. */
export function sign (key: SigningKey, claims: Record<string, unknown>, header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)
}

/** A part of a token in its compact form. */
export function part (value: unknown): string {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  return bytes.toString('base64url')
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface IssuerDouble {
  readonly url: string
  /** Paths in the order they were asked for. */
  readonly asked: string[]
  /** Takes the place of what it answers with. */
  answer: Answer
  stop (): Promise<void>
  /** Listens again where it did. */
  start (): Promise<void>
}

/** Answers with `text` as JSON, 200 unless told. */
export function json (value: unknown, status = 200): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
}

/** Listens on a free port of this machine. Stop it in a teardown. */
export async function startIssuerDouble (answer: Answer = json({}, 404)): Promise<IssuerDouble> {
  let server: Server | undefined
  let port = 0
  const asked: string[] = []
  async function start (): Promise<void> {
    const started = createServer((request, response) => {
      asked.push(request.url ?? '')
      double.answer(request, response)
    }).listen(port, '127.0.0.1')
    await once(started, 'listening')
    server = started
    port = (started.address() as AddressInfo).port
  }
  const double: IssuerDouble = {
    get url () { return `http://127.0.0.1:${port}` },
    asked,
    answer,
    start,
    async stop () {
      const stopped = server
      server = undefined
      if (stopped === undefined) return
      stopped.close()
      stopped.closeAllConnections()
      await once(stopped, 'close')
    }
  }
  await start()
  return double
}
