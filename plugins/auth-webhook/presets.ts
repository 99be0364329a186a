// How providers sign their webhooks: where the signature stands, over what it is made, and what time it names.

import type { Attributes } from '../../src/contract/envelope.ts'
import type { WebhookCredential } from './config.ts'

/** What a request shows of one preset. */
export interface Shown {
  /** Any of them may match: providers send one for each secret while they change it. 32 bytes each. */
  readonly signatures: readonly Buffer[]
  /** What is signed before the body. */
  readonly prefix: string
  /** When it says it was made, in milliseconds since the epoch; undefined where it does not. */
  readonly atMs: number | undefined
}

export interface Preset {
  /** Where the signature stands; without it, there is nothing of this preset. */
  readonly attribute: string
  /** What to send, for whoever sent something else. */
  readonly advice: string
  /** Undefined where it cannot be read. */
  read (signature: string, attributes: Attributes): Shown | undefined
  /** The key that a secret stands for. */
  keyOf (secret: string): Buffer
}

/** Providers send one or two. */
const signaturesCountMax = 16
const signatureBytes = 32

function atMsOf (seconds: string): number | undefined {
  return /^\d{1,12}$/.test(seconds) ? Number(seconds) * 1_000 : undefined
}

function decoded (texts: readonly string[], encoding: 'hex' | 'base64'): Buffer[] {
  return texts.map(text => Buffer.from(text, encoding)).filter(({ length }) => length === signatureBytes)
}

export const presets = {
  'standard-webhooks': {
    attribute: 'webhook-signature',
    advice: 'send webhook-id, webhook-timestamp and webhook-signature with v1 signatures',
    read (signature, attributes) {
      const id = attributes.get('webhook-id') ?? ''
      const seconds = attributes.get('webhook-timestamp') ?? ''
      const atMs = atMsOf(seconds)
      const texts = signature.split(' ', signaturesCountMax).filter(one => one.startsWith('v1,')).map(one => one.slice(3))
      if (id === '' || id.includes('.') || atMs === undefined) return undefined
      return { signatures: decoded(texts, 'base64'), prefix: `${id}.${seconds}.`, atMs }
    },
    keyOf: secret => Buffer.from(secret.startsWith('whsec_') ? secret.slice(6) : secret, 'base64')
  },
  'github': {
    attribute: 'x-hub-signature-256',
    advice: 'send x-hub-signature-256 with sha256= and the signature',
    read (signature) {
      const hex = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1]
      return hex === undefined ? undefined : { signatures: decoded([hex], 'hex'), prefix: '', atMs: undefined }
    },
    keyOf: secret => Buffer.from(secret)
  },
  'stripe': {
    attribute: 'stripe-signature',
    advice: 'send stripe-signature with t= and v1=',
    read (signature) {
      const pairs = signature.split(',', signaturesCountMax).map(pair => pair.trim())
      const seconds = pairs.find(pair => pair.startsWith('t='))?.slice(2) ?? ''
      const atMs = atMsOf(seconds)
      if (atMs === undefined) return undefined
      const texts = pairs.filter(pair => /^v1=[0-9a-f]{64}$/.test(pair)).map(pair => pair.slice(3))
      return { signatures: decoded(texts, 'hex'), prefix: `${seconds}.`, atMs }
    },
    keyOf: secret => Buffer.from(secret)
  }
} as const satisfies Record<WebhookCredential['preset'], Preset>
