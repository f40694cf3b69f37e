// graphql-eslint over the schema and its stored documents, and graphql-inspector between the released schema and it.
// Arguments: the folder of the project, the file of the released schema. What is found is one JSON object on stdout.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { ESLint } from 'eslint';
import graphqlPlugin from '@graphql-eslint/eslint-plugin';
import { buildSchema } from 'graphql';

const [root, released] = process.argv.slice(2);
const schema = join(root, 'schema.graphql');
const documents = 'platform/web/documents/*.graphql';

const rules = {
  schema: {
    'input-name': ['error', { checkInputType: false, caseSensitiveInputType: true, checkMutations: true }],
    'known-argument-names': 'error',
    'known-directives': 'error',
    'known-type-names': 'error',
    'lone-schema-definition': 'error',
    'naming-convention': [
      'error',
      {
        types: 'PascalCase',
        FieldDefinition: 'camelCase',
        InputValueDefinition: 'camelCase',
        Argument: 'camelCase',
        DirectiveDefinition: 'camelCase',
        EnumValueDefinition: 'UPPER_CASE',
      },
    ],
    'no-hashtag-description': 'error',
    'no-unreachable-types': 'error',
    'possible-type-extension': 'error',
    'provided-required-arguments': 'error',
    // Lists of the group are read forward only; both kinds of arguments are all right with Relay.
    'relay-arguments': ['error', { includeBoth: false }],
    'relay-connection-types': 'error',
    // Not every node of a list can be read again by `node`, and short lists of values are no connections.
    'relay-edge-types': [
      'error',
      { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
    ],
    'relay-page-info': 'error',
    'require-deprecation-reason': 'error',
    'require-description': [
      'error',
      {
        types: true,
        FieldDefinition: true,
        InputValueDefinition: true,
        EnumValueDefinition: true,
        DirectiveDefinition: true,
        rootField: true,
      },
    ],
    'require-nullable-fields-with-oneof': 'error',
    'unique-directive-names': 'error',
    'unique-directive-names-per-location': 'error',
    'unique-enum-value-names': 'error',
    'unique-field-definition-names': 'error',
    'unique-operation-types': 'error',
    'unique-type-names': 'error',
  },
  documents: {
    'executable-definitions': 'error',
    'fields-on-correct-type': 'error',
    'fragments-on-composite-type': 'error',
    'known-argument-names': 'error',
    'known-directives': 'error',
    'known-fragment-names': 'error',
    'known-type-names': 'error',
    'lone-anonymous-operation': 'error',
    'no-anonymous-operations': 'error',
    'no-deprecated': 'error',
    'no-duplicate-fields': 'error',
    'no-fragment-cycles': 'error',
    'no-undefined-variables': 'error',
    'no-unused-fragments': 'error',
    'no-unused-variables': 'error',
    'one-field-subscriptions': 'error',
    'overlapping-fields-can-be-merged': 'error',
    'possible-fragment-spread': 'error',
    'provided-required-arguments': 'error',
    'scalar-leafs': 'error',
    'unique-argument-names': 'error',
    'unique-directive-names-per-location': 'error',
    'unique-fragment-name': 'error',
    'unique-input-field-names': 'error',
    'unique-operation-name': 'error',
    'unique-variable-names': 'error',
    'value-literals-of-correct-type': 'error',
    'variables-are-input-types': 'error',
    'variables-in-allowed-position': 'error',
  },
};

const prefixed = (given) =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [`@graphql-eslint/${name}`, value]));
const config = (files, given) => ({
  files: [files],
  plugins: { '@graphql-eslint': graphqlPlugin },
  languageOptions: {
    parser: graphqlPlugin.parser,
    parserOptions: { graphQLConfig: { schema, documents: join(root, documents) } },
  },
  rules: prefixed(given),
});

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [config('schema.graphql', rules.schema), config(documents, rules.documents)],
});
const linted = [];
for (const { filePath, messages } of await eslint.lintFiles(['schema.graphql', documents])) {
  for (const { line, message, ruleId } of messages) linted.push({ file: filePath, line: line ?? 1, message, rule: ruleId });
}

const read = (path) => buildSchema(readFileSync(path, 'utf8'));
const changes = await diff(read(released), read(schema));
const breaking = changes
  .filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
  .map(({ path, message }) => ({ path: path ?? '', message }));

console.log(JSON.stringify({ linted, breaking }));
