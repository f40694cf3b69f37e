"""What features add to the schema beside the entities, as the pages use it."""

EXTENSION = """
extend type Group {
  benchmark(month: YearMonth!, kpi: String!): GroupBenchmark
  months: [GroupMonth!]!
}
extend type Store {
  benchmarkShare(month: YearMonth!, kpi: String!): BenchmarkShare
}
type GroupBenchmark {
  computed: Boolean!
  x: Int
  n: Int
  pooled: Float
  tau: Float
  phi: Float
  publishedAt: DateTime!
  stores: [BenchmarkStore!]!
}
type BenchmarkStore {
  store: Store!
  missing: String
  n: Int
  x: Int
  value: Float
  lo: Float
  hi: Float
  eb: Float
  verdict: String
  lo998: Float
  lo95: Float
  hi95: Float
  hi998: Float
  suppressed: Boolean!
  rankable: Boolean!
  rank: Int
  rankLo: Int
  rankHi: Int
  gap: Float
}
type GroupMonth {
  month: YearMonth!
  state: String!
  provisional: Boolean!
  startedAt: DateTime!
  finishedAt: DateTime
  stores: [GroupMonthStore!]!
}
type GroupMonthStore {
  store: Store!
  state: String!
  reason: String
}
type BenchmarkShare {
  computed: Boolean!
  storesWithData: Int!
  distribution: [Float!]!
  pooled: Float
  withheld: Int!
  own: BenchmarkOwn
}
type BenchmarkOwn {
  n: Int!
  value: Float
  lo: Float
  hi: Float
  eb: Float
  verdict: String
  rank: Int
  rankLo: Int
  rankHi: Int
  of: Int
  gap: Float
}
type UserError {
  code: String!
  message: String!
  path: [String!]!
}
type Done {
  userErrors: [UserError!]!
}
input ApproveRunInput {
  id: ID!
  expectedVersion: Int
}
input PublishRunInput {
  id: ID!
  expectedVersion: Int
}
input FileAppealInput {
  entryId: ID!
  text: String!
}
input DecideAppealInput {
  id: ID!
  uphold: Boolean!
  reason: String!
  expectedVersion: Int
}
type Mutation {
  approveRun(input: ApproveRunInput!): Done!
  publishRun(input: PublishRunInput!): Done!
  fileAppeal(input: FileAppealInput!): Done!
  decideAppeal(input: DecideAppealInput!): Done!
}
"""
