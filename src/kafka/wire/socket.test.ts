// Failures of sockets in the form that is classified.

import t from 'tap'
import { problemOf } from '../classify.ts'
import { KafkaError } from '../kafka-error.ts'
import { wordsOf } from './socket.ts'

t.test('a name with several addresses that all refuse says so for each', async t => {
  const inner = ['connect ECONNREFUSED ::1:9092', 'connect ECONNREFUSED 127.0.0.1:9092'].map(text => new Error(text))
  const error = wordsOf(Object.assign(new AggregateError(inner), { code: 'ECONNREFUSED' }), 'localhost:9092')
  t.match(error, { code: 'ECONNREFUSED', broker: 'localhost:9092', message: `${inner[0]?.message}; ${inner[1]?.message}` })
  t.equal(problemOf(error).cause, 'refused')
})

t.test('an error of Kafka gets the name of the broker where it has none', async t => {
  const named = new KafkaError('no', { type: 'ILLEGAL_SASL_STATE', broker: 'a:1' })
  t.equal(wordsOf(named, 'b:2'), named)
  t.match(wordsOf(new KafkaError('no', { type: 'ILLEGAL_SASL_STATE' }), 'b:2'), { type: 'ILLEGAL_SASL_STATE', broker: 'b:2' })
  t.match(wordsOf('a text', 'b:2'), { message: 'a text', code: '', broker: 'b:2' })
})
