"""How hosts get the agent: its configuration, what an instance may do, and the State Manager association."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from core import config_agent
from core.config import Config
from stacks import nag, naming, packaging

NAMESPACE = "CWAgent"
"""The one namespace that an instance may publish to; core's host metrics live in it."""
SCRIPT = Path(__file__).parent / "install_agent.sh"


class AgentStack(cdk.Stack):
    """The parameter, the policy with role and profile, and the document that installs the agent where the tag is."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        stage = config.deployment.stage
        self._archive = packaging.agent()
        self._asset = s3_assets.Asset(
            self,
            "Archive",
            path=str(self._archive.path),
            asset_hash=self._archive.digest,
            asset_hash_type=cdk.AssetHashType.CUSTOM,
        )
        self._parameter = ssm.CfnParameter(
            self,
            "Configuration",
            name=naming.agent_parameter(stage),
            type="String",
            value=config_agent.settings(config.agent),
            description="What mlwarden's agents do; read by them through their instance role",
        )
        self._instance_role()
        self._install(stage, config.agent.target_tag)

    def _instance_role(self) -> None:
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="For a role of an instance that runs mlwarden's agent: publish its metrics, read its settings",
            statements=[
                iam.PolicyStatement(
                    sid="PublishMetrics",
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
                ),
                iam.PolicyStatement(
                    sid="ReadSettings", actions=["ssm:GetParameter"], resources=[self._parameter_arn()]
                ),
                iam.PolicyStatement(
                    sid="FetchAgent",
                    actions=["s3:GetObject"],
                    resources=[
                        f"arn:{cdk.Aws.PARTITION}:s3:::{self._asset.s3_bucket_name}/{self._asset.s3_object_key}"
                    ],
                ),
            ],
        )
        nag.accept(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            "PutMetricData has no resource type; the condition on its namespace is what AWS offers instead.",
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[policy],
            inline_policies={"SystemsManager": _systems_manager()},
        )
        nag.accept(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "What the Systems Manager agent calls to be managed at all has no narrower resource; this is "
            "AmazonSSMManagedInstanceCore without its right to read every parameter.",
        )
        profile = iam.InstanceProfile(self, "Profile", role=role)
        cdk.CfnOutput(
            self,
            "InstanceProfile",
            value=profile.instance_profile_name,
            description="For instances that run the agent and have no profile of their own",
        )
        cdk.CfnOutput(
            self,
            "InstancePolicy",
            value=policy.managed_policy_arn,
            description="To attach to the roles of instances that have one",
        )

    def _parameter_arn(self) -> str:
        return naming.arn("ssm", f"parameter{self._parameter.name}")

    def _install(self, stage: str, tag: str) -> None:
        told = {
            "ARCHIVE": f"s3://{self._asset.s3_bucket_name}/{self._asset.s3_object_key}",
            "RELEASE": self._archive.digest[:12],
            "PARAMETER": self._parameter.name,
            "AWS_REGION": cdk.Aws.REGION,
        }
        document = ssm.CfnDocument(
            self,
            "Document",
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            update_method="NewVersion",
            content={
                "schemaVersion": "2.2",
                "description": "Install or update mlwarden's agent and keep it running",
                "mainSteps": [
                    {
                        "name": "installAgent",
                        "action": "aws:runShellScript",
                        "precondition": {"StringEquals": ["platformType", "Linux"]},
                        "inputs": {
                            "timeoutSeconds": "900",
                            "runCommand": [
                                *(f"export {name}='{value}'" for name, value in told.items()),
                                *_commands(SCRIPT.read_text()),
                            ],
                        },
                    }
                ],
            },
        )
        ssm.CfnAssociation(
            self,
            "Association",
            name=document.ref,
            association_name=naming.stack_name(stage, "agent"),
            targets=[ssm.CfnAssociation.TargetProperty(key=f"tag:{tag}", values=[stage])],
            schedule_expression="rate(1 day)",
            max_concurrency="10%",
            max_errors="10%",
            compliance_severity="MEDIUM",
        )


def _commands(script: str) -> list[str]:
    """Systems Manager runs the lines as one script with sh, so bash is asked for by name."""
    return ["bash <<'MLWARDEN_INSTALL'", *script.splitlines(), "MLWARDEN_INSTALL"]


def _systems_manager() -> iam.PolicyDocument:
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                actions=[
                    "ec2messages:AcknowledgeMessage",
                    "ec2messages:DeleteMessage",
                    "ec2messages:FailMessage",
                    "ec2messages:GetEndpoint",
                    "ec2messages:GetMessages",
                    "ec2messages:SendReply",
                    "ssm:DescribeAssociation",
                    "ssm:DescribeDocument",
                    "ssm:GetDocument",
                    "ssm:GetManifest",
                    "ssm:ListAssociations",
                    "ssm:ListInstanceAssociations",
                    "ssm:UpdateAssociationStatus",
                    "ssm:UpdateInstanceAssociationStatus",
                    "ssm:UpdateInstanceInformation",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
            )
        ]
    )
