// Failures mean what Kafka's documents say, and what the client is told names no broker.

import kafkajs from 'kafkajs'
import t from 'tap'
import { answerOf, problemOf } from './classify.ts'
import { loginFailed, noToken } from './sasl/login-failure.ts'

t.test('answers that leave open whether a batch is written are never treated as refusals', async (t) => {
  t.match(answerOf(6), { action: 'unsure', stale: true }, 'appended before the leader moved, perhaps')
  for (const code of [-1, 6, 7, 13, 20, 56, 999]) t.equal(answerOf(code).action, 'unsure', String(code))
})

t.test('answers that mean certainly not written', async (t) => {
  t.equal(answerOf(19).action, 'again', 'too few replicas before the append')
  for (const code of [3, 5]) t.match(answerOf(code), { action: 'again', stale: true })
  for (const code of [10, 18, 32, 87]) t.match(answerOf(code), { action: 'split', detail: /./ })
  for (const code of [17, 29]) t.match(answerOf(code), { action: 'refuse', detail: /./ })
  for (const code of [45, 59]) t.equal(answerOf(code).action, 'renew')
  for (const code of [47, 90]) t.equal(answerOf(code).action, 'fenced')
  t.equal(answerOf(46).action, 'duplicate')
})

t.test('connection failures are named by their cause', async (t) => {
  const failure = (message: string, code?: string): Error =>
    new kafkajs.KafkaJSConnectionError(message, { broker: 'kafka-1.internal:9092', ...(code === undefined ? {} : { code }) })
  const cases: [Error, string][] = [
    [failure('connect ECONNREFUSED', 'ECONNREFUSED'), 'refused'],
    [failure('getaddrinfo ENOTFOUND', 'ENOTFOUND'), 'address'],
    [failure('Port should be >= 0 and < 65536', 'ERR_SOCKET_BAD_PORT'), 'address'],
    [failure('no answer in time', 'ETIMEDOUT'), 'silent'],
    [failure('Connection timeout'), 'silent'],
    [failure('read ECONNRESET', 'ECONNRESET'), 'closed'],
    [failure('no such file', 'ENOENT'), 'tls-files'],
    [failure('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
    [failure('unable to verify', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls'],
    [failure('Hostname/IP does not match', 'ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
    [failure('Client network socket disconnected before secure TLS connection was established', 'ECONNRESET'), 'closed'],
    [Object.assign(new Error('SASL PLAIN failed'), { name: 'KafkaJSSASLAuthenticationError' }), 'credentials'],
    [noToken('no token from id.example: it answered 401'), 'token'],
    [loginFailed('the broker does not take the token'), 'credentials'],
    [new Error('what?'), 'other']
  ]
  for (const [error, cause] of cases) t.equal(problemOf(error).cause, cause, error.message)
  t.match(problemOf(cases[0]?.[0]), { disconnected: true, refusal: undefined, text: /kafka-1\.internal/ })
  const { text, disconnected } = problemOf(noToken('no token from id.example: it answered 401'))
  t.match(text, /^there is no token .*: check kafka\.sasl .*tokenUrl.* \(no token from id\.example: it answered 401\)$/)
  t.equal(disconnected, true)
})

t.test('the innermost error of a wrapped one decides', async (t) => {
  const inner = new kafkajs.KafkaJSConnectionError('connect ECONNREFUSED', { code: 'ECONNREFUSED' })
  const outer = new Error('retries exceeded', { cause: new Error('again', { cause: inner }) })
  t.equal(problemOf(outer).cause, 'refused')
  t.equal(problemOf('a text').cause, 'other')
  t.equal(problemOf(undefined).cause, 'other')
})

t.test('a topic that is missing or denied is refused for good, in words without names', async (t) => {
  for (const type of ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED']) {
    const { refusal, disconnected } = problemOf(Object.assign(new Error(`no ${type} at kafka-1:9092`), { type }))
    t.equal(refusal?.code, 'undeliverable')
    t.notMatch(refusal?.detail, /kafka-1/)
    t.equal(disconnected, false)
  }
})
