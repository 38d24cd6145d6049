import { createServer } from 'node:http';
import { closeServer, listenOnLoopback, readBody } from '../../../../infra/local/http.ts';

const XMLNS = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

const describeStacks = (name: string, outputs: Readonly<Record<string, string>>): string => {
  const members = Object.entries(outputs).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  const stack = `<StackName>${name}</StackName><CreationTime>2026-11-23T12:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>`;
  return `<DescribeStacksResponse xmlns="${XMLNS}"><DescribeStacksResult><Stacks><member>${stack}<Outputs>${members.join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
};

const refusal = (code: string, message: string): string =>
  `<ErrorResponse xmlns="${XMLNS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;

/**
 * CloudFormation as far as DescribeStacks of one stack, in its query protocol:
 * docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
 */
export const startCloudFormation = async (stack: string, outputs: () => Readonly<Record<string, string>> | 'forbidden') => {
  const regions: string[] = [];
  const server = createServer((request, response) => {
    void readBody(request, 65_536).then((body) => {
      regions.push(/\/([a-z0-9-]+)\/cloudformation\//.exec(request.headers.authorization ?? '')?.[1] ?? '');
      const name = new URLSearchParams(body?.toString()).get('StackName');
      const found = outputs();
      const [status, xml] =
        found === 'forbidden'
          ? [403, refusal('AccessDenied', 'not authorized to perform: cloudformation:DescribeStacks')]
          : name === stack
            ? [200, describeStacks(name, found)]
            : [400, refusal('ValidationError', `Stack with id ${name} does not exist`)];
      response.writeHead(status, { 'content-type': 'text/xml' }).end(xml);
    });
  });
  return {
    url: await listenOnLoopback(server),
    /** The regions that requests were signed for. */
    regions,
    close: () => closeServer(server),
  };
};
