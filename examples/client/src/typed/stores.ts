/** Many stores in one request. One that cannot answer is null with an error at its place; the others answer. */

import { graphql } from './__generated__';
import type { EveryStoreQuery } from './__generated__/graphql';
import type { Answer, Api } from '../http';

const everyStore = graphql(`
  query EveryStore($after: String) {
    group {
      stores(first: 100, after: $after) {
        edges {
          node {
            code
            asOf
            evaluationRuns(first: 0) {
              totalCount
            }
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

type Row = NonNullable<EveryStoreQuery['group']['stores']['edges'][number]['node']>;
export type Read = { stores: Row[]; failed: { at: string; code: string }[] };

const readPage = (api: Api, after: string | null): Promise<Answer<EveryStoreQuery>> => api.send(everyStore, { after });

/** Every store that answers, and where others do not, with the code of the reason. */
export async function readStores(api: Api): Promise<Read> {
  const read: Read = { stores: [], failed: [] };
  let after: string | null = null;
  do {
    const { data, errors }: Answer<EveryStoreQuery> = await readPage(api, after);
    const { edges, pageInfo } = data.group.stores;
    read.stores.push(...edges.flatMap(({ node }) => (node ? [node] : [])));
    read.failed.push(...errors.map(({ path, extensions }) => ({ at: (path ?? []).join('.'), code: extensions.code })));
    after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null;
  } while (after !== null);
  return read;
}
