// Says once what each failure of Kafka means: what becomes of the batch, what the client is told, what the operator.

import type { RefusalCode } from '../contract/outcome.ts'
import { noTokenType } from './kafka-error.ts'

/**
 * What to do with a batch after the broker's own answer to it.
 * `refuse`: certainly not written, and never will be. `split`: the same, but smaller batches may pass. `again`:
 * certainly not written, try again. `unsure`: may be written, try the very same batch again. `renew`: certainly not
 * written, and the sequence numbers are of no use any more. `fenced`: the same, and nor is the producer id.
 * `duplicate`: the sequence numbers were used before.
 */
export type Action = 'refuse' | 'split' | 'again' | 'unsure' | 'renew' | 'fenced' | 'duplicate'

export interface Answer {
  /** Kafka's name of the error code. */
  readonly name: string
  readonly action: Action
  /** True where the topic's metadata are out of date. */
  readonly stale: boolean
  /** For the client, where the action can end in a refusal. */
  readonly detail: string
}

function answer (name: string, action: Action, detail = '', stale = false): Answer {
  return { name, action, stale, detail }
}

const noSuchTopic = 'Kafka has no such topic; the operator has to create it'
const denied = 'Kafka does not let this gateway write to the topic; the operator has to grant it'
const tooLarge = 'the record is above what the topic accepts; send a smaller one or have the operator raise its limit'
const invalid = 'Kafka finds the record invalid for the topic, for instance one without a key on a compacted topic'
const unsupported = 'Kafka does not support what this gateway asks of it; the operator finds the cause in its log'

/** Produce error codes (KIP-98 and the protocol guide's table). A code that is not here may mean anything: `unsure`. */
const answers: ReadonlyMap<number, Answer> = new Map([
  [-1, answer('UNKNOWN_SERVER_ERROR', 'unsure')],
  [2, answer('CORRUPT_MESSAGE', 'again')],
  [3, answer('UNKNOWN_TOPIC_OR_PARTITION', 'again', noSuchTopic, true)],
  [5, answer('LEADER_NOT_AVAILABLE', 'again', '', true)],
  // Also the answer to a batch that was appended, when its leader moves before the followers have it (DelayedProduce).
  [6, answer('NOT_LEADER_OR_FOLLOWER', 'unsure', '', true)],
  // The leader gave up waiting for its followers: it has the batch, they may not.
  [7, answer('REQUEST_TIMED_OUT', 'unsure')],
  [8, answer('BROKER_NOT_AVAILABLE', 'again', '', true)],
  [9, answer('REPLICA_NOT_AVAILABLE', 'again', '', true)],
  [10, answer('MESSAGE_TOO_LARGE', 'split', tooLarge)],
  [13, answer('NETWORK_EXCEPTION', 'unsure')],
  // A broker that has just begun says so when it is asked for a producer id.
  [14, answer('COORDINATOR_LOAD_IN_PROGRESS', 'again')],
  [15, answer('COORDINATOR_NOT_AVAILABLE', 'again')],
  [17, answer('INVALID_TOPIC_EXCEPTION', 'refuse', noSuchTopic)],
  [18, answer('RECORD_LIST_TOO_LARGE', 'split', tooLarge)],
  [19, answer('NOT_ENOUGH_REPLICAS', 'again')],
  [20, answer('NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unsure')],
  [21, answer('INVALID_REQUIRED_ACKS', 'refuse', unsupported)],
  [29, answer('TOPIC_AUTHORIZATION_FAILED', 'refuse', denied)],
  [31, answer('CLUSTER_AUTHORIZATION_FAILED', 'refuse', denied)],
  [32, answer('INVALID_TIMESTAMP', 'split', invalid)],
  [35, answer('UNSUPPORTED_VERSION', 'refuse', unsupported)],
  [42, answer('INVALID_REQUEST', 'refuse', unsupported)],
  [43, answer('UNSUPPORTED_FOR_MESSAGE_FORMAT', 'refuse', unsupported)],
  [44, answer('POLICY_VIOLATION', 'split', invalid)],
  [45, answer('OUT_OF_ORDER_SEQUENCE_NUMBER', 'renew')],
  [46, answer('DUPLICATE_SEQUENCE_NUMBER', 'duplicate')],
  [47, answer('INVALID_PRODUCER_EPOCH', 'fenced')],
  // The log directory failed while the batch was on its way into it.
  [56, answer('KAFKA_STORAGE_ERROR', 'unsure', '', true)],
  [59, answer('UNKNOWN_PRODUCER_ID', 'renew')],
  [74, answer('FENCED_LEADER_EPOCH', 'again', '', true)],
  [75, answer('UNKNOWN_LEADER_EPOCH', 'again', '', true)],
  [76, answer('UNSUPPORTED_COMPRESSION_TYPE', 'refuse', unsupported)],
  [87, answer('INVALID_RECORD', 'split', invalid)],
  [90, answer('PRODUCER_FENCED', 'fenced')]
])

/** What a broker's error code for a produced batch means. */
export function answerOf (code: number): Answer {
  return answers.get(code) ?? answer(`error code ${code}`, 'unsure')
}

/** Why something did not get as far as an answer about a batch. */
export type Cause =
  'credentials' | 'token' | 'tls' | 'tls-files' | 'refused' | 'address' | 'silent' | 'closed' | 'no-leader' |
  'topic-missing' | 'topic-denied' | 'access-denied' | 'other'

export interface Problem {
  readonly cause: Cause
  /** For the operator: what is wrong and what the library said, with addresses. */
  readonly text: string
  /** Set where Kafka refuses the topic as such. */
  readonly refusal: { readonly code: RefusalCode, readonly detail: string } | undefined
  /** True where no broker could be talked to. */
  readonly disconnected: boolean
}

const sentences: Readonly<Record<Cause, string>> = {
  'credentials': 'Kafka does not accept the user name, password or mechanism of kafka.sasl',
  'token': 'there is no token to log in at Kafka with: check kafka.sasl and what it names (token file, tokenUrl with its ' +
    'client, AWS credentials)',
  'tls': 'the TLS handshake with Kafka failed: check kafka.tls and the brokers\' certificates',
  'tls-files': 'a file of kafka.tls cannot be read',
  'refused': 'no Kafka broker accepts connections at its address',
  'address': 'the host name or port of a Kafka broker cannot be resolved or reached',
  'silent': 'a Kafka broker takes connections but does not answer in time',
  'closed': 'the connection to a Kafka broker was closed',
  'no-leader': 'a partition of the topic has no leader now',
  'topic-missing': 'the topic does not exist at Kafka',
  'topic-denied': 'the Kafka user may not write to the topic',
  'access-denied': 'the Kafka user lacks a right on the cluster (IdempotentWrite or Describe)',
  'other': 'Kafka could not be used'
}

const causesByType: Readonly<Record<string, Cause>> = {
  SASL_AUTHENTICATION_FAILED: 'credentials',
  UNSUPPORTED_SASL_MECHANISM: 'credentials',
  ILLEGAL_SASL_STATE: 'credentials',
  [noTokenType]: 'token',
  UNKNOWN_TOPIC_OR_PARTITION: 'topic-missing',
  INVALID_TOPIC_EXCEPTION: 'topic-missing',
  TOPIC_AUTHORIZATION_FAILED: 'topic-denied',
  CLUSTER_AUTHORIZATION_FAILED: 'access-denied',
  LEADER_NOT_AVAILABLE: 'no-leader'
}

const causesByCode: Readonly<Record<string, Cause>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'address',
  EAI_AGAIN: 'address',
  EHOSTUNREACH: 'address',
  ENETUNREACH: 'address',
  ERR_SOCKET_BAD_PORT: 'address',
  ETIMEDOUT: 'silent',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ENOENT: 'tls-files',
  EACCES: 'tls-files',
  EISDIR: 'tls-files',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  CERT_HAS_EXPIRED: 'tls',
  CERT_NOT_YET_VALID: 'tls',
  EPROTO: 'tls'
}

const causesByName: Readonly<Record<string, Cause>> = {
  KafkaJSSASLAuthenticationError: 'credentials',
  KafkaJSRequestTimeoutError: 'silent',
  KafkaJSLockTimeout: 'silent',
  KafkaJSConnectionClosedError: 'closed',
  KafkaJSConnectionError: 'closed'
}

const disconnectedCauses: ReadonlySet<Cause> =
  new Set<Cause>(['credentials', 'token', 'tls', 'tls-files', 'refused', 'address', 'silent', 'closed'])

/** Any field of an error that came from a library, as text; '' where it has none. */
function field (error: object, name: string): string {
  const value = (error as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'string' ? value : ''
}

/** kafkajs wraps what happened into its retry errors: the innermost one tells. */
function innermost (error: unknown): unknown {
  let current = error
  for (let depth = 0; depth < 5; depth++) {
    if (!(current instanceof Error) || !(current.cause instanceof Error)) return current
    current = current.cause
  }
  return current
}

function causeOf (error: object): Cause {
  const code = field(error, 'code')
  const message = field(error, 'message')
  const known = causesByType[field(error, 'type')] ?? causesByCode[code]
  if (known !== undefined) return known
  if (/^ERR_(TLS|SSL|OSSL)/.test(code) || /CERT|UNABLE_TO_|HOSTNAME_MISMATCH/.test(code)) return 'tls'
  if (/secure TLS connection|SSL routines|PEM routines/.test(message)) return 'tls'
  if (message.includes('timeout')) return 'silent'
  return causesByName[field(error, 'name')] ?? 'other'
}

/** What a failure before, or in place of, an answer means. */
export function problemOf (thrown: unknown): Problem {
  const error = innermost(thrown)
  const inside = typeof error === 'object' && error !== null ? error : { message: String(error) }
  const cause = causeOf(inside)
  const where = field(inside, 'broker')
  const said = field(inside, 'message')
  return {
    cause,
    text: `${sentences[cause]} (${where === '' ? '' : `${where}: `}${said})`,
    refusal: cause === 'topic-missing' ? { code: 'undeliverable', detail: noSuchTopic }
      : cause === 'topic-denied' ? { code: 'undeliverable', detail: denied } : undefined,
    disconnected: disconnectedCauses.has(cause)
  }
}
