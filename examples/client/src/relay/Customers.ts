/** All customers of a store, page by page. Relay puts the pages of a connection together in its store. */

import { createOperationDescriptor, fetchQuery, getRequest, getSingularSelector, graphql } from 'relay-runtime';
import type { Environment } from 'relay-runtime';

import type { CustomersAgainQuery } from './__generated__/CustomersAgainQuery.graphql';
import type { Customers_page$data, Customers_page$key } from './__generated__/Customers_page.graphql';
import pageFragment from './__generated__/Customers_page.graphql';
import nextPageQuery from './__generated__/CustomersNextPageQuery.graphql';
import type { CustomersNextPageQuery } from './__generated__/CustomersNextPageQuery.graphql';
import type { CustomersOfStoreQuery } from './__generated__/CustomersOfStoreQuery.graphql';
import type { Customers_row$data, Customers_row$key } from './__generated__/Customers_row.graphql';
import rowFragment from './__generated__/Customers_row.graphql';

graphql`
  fragment Customers_row on Customer {
    id
    customerNo
  }
`;

graphql`
  fragment Customers_page on Store
  @argumentDefinitions(count: { type: "Int!" }, after: { type: "String" })
  @refetchable(queryName: "CustomersNextPageQuery") {
    customers(first: $count, after: $after) @connection(key: "Customers_page_customers") {
      edges {
        node {
          id
          ...Customers_row
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

const ofStore = graphql`
  query CustomersOfStoreQuery($code: String!, $count: Int!) {
    store(code: $code) {
      id
      ...Customers_page @arguments(count: $count)
    }
  }
`;

const again = graphql`
  query CustomersAgainQuery($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Customer {
        customerNo
      }
    }
  }
`;

export type Listed = { storeId: string; pages: number; customers: Customers_row$data[] };

/** Reads pages of `count` rows until there are no more. */
export async function listCustomers(environment: Environment, code: string, count: number): Promise<Listed> {
  // Without it the store may forget what no component shows.
  const kept = environment.retain(createOperationDescriptor(getRequest(ofStore), { code, count }));
  try {
    const first = await fetchQuery<CustomersOfStoreQuery>(environment, ofStore, { code, count }).toPromise();
    const store = first?.store;
    if (!store) throw new Error(`there is no store ${code}`);
    let pages = 1;
    for (;;) {
      const list = read<Customers_page$data>(environment, pageFragment, store as Customers_page$key).customers;
      if (!list) throw new Error(`the customers of ${code} may not be read, or not now`);
      if (!list.pageInfo.hasNextPage) {
        const rows = list.edges.flatMap(({ node }) => (node ? [node as Customers_row$key] : []));
        const customers = rows.map((row) => read<Customers_row$data>(environment, rowFragment, row));
        return { storeId: store.id, pages, customers };
      }
      const next = { id: store.id, count, after: list.pageInfo.endCursor };
      await fetchQuery<CustomersNextPageQuery>(environment, nextPageQuery, next).toPromise();
      pages += 1;
    }
  } finally {
    kept.dispose();
  }
}

function read<Data>(environment: Environment, fragment: Parameters<typeof getSingularSelector>[0], key: unknown): Data {
  const selector = getSingularSelector(fragment, key);
  if (!selector) throw new Error(`${fragment.name} was not read`);
  return environment.lookup(selector).data as Data;
}

/** One row by its global id, whatever its type. */
export async function readAgain(environment: Environment, id: string) {
  const found = await fetchQuery<CustomersAgainQuery>(environment, again, { id }).toPromise();
  return found?.node ?? null;
}
