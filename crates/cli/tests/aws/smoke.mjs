// What one does first with the AWS SDK for JavaScript: look, create, open a port, be refused.
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeSecurityGroups,
} from "@aws-sdk/client-ec2";

const ec2 = new EC2Client({ maxAttempts: 1 });
const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
const { GroupId } = await ec2.send(
  new CreateSecurityGroupCommand({ GroupName: "web & {db}", Description: "from JavaScript", VpcId: Vpcs[0].VpcId }),
);
const rule = {
  GroupId,
  IpPermissions: [{ IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "0.0.0.0/0", Description: "https" }] }],
};
const { SecurityGroupRules } = await ec2.send(new AuthorizeSecurityGroupIngressCommand(rule));
const refused = await ec2.send(new AuthorizeSecurityGroupIngressCommand(rule)).catch((error) => error);
const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));
const names = [];
for await (const page of paginateDescribeSecurityGroups({ client: ec2, pageSize: 5 }, {})) {
  names.push(...page.SecurityGroups.map((group) => group.GroupName));
}
console.log(
  JSON.stringify({
    name: SecurityGroups[0].GroupName,
    cidr: SecurityGroups[0].IpPermissions[0].IpRanges[0].CidrIp,
    rules: SecurityGroupRules.length,
    refused: { code: refused.name, message: refused.message, status: refused.$metadata.httpStatusCode, request: refused.$metadata.requestId },
    names: names.sort(),
  }),
);
