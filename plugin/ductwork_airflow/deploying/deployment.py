"""All stacks of a command: the shared one first, then one for each DAG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ductwork.cloudformation import shared_stack
from ductwork.cloudformation.dag_parameters import repository_of
from ductwork.cloudformation.dag_stack import MAX_REQUEST_BYTES, Stack
from ductwork.cloudformation.starting.template import template as requests_template
from ductwork.contracts import names

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.deploying import account, change_sets, requests_stack, stack_status, uploads
from ductwork_airflow.deploying.change_sets import Wanted, parameter_names
from ductwork_airflow.deploying.removal import remove_requests, stacks_of_dags
from ductwork_airflow.deploying.requests_stack import Wish
from ductwork_airflow.deploying.stack_status import Pace, Tell

# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
STACK_NAME_LIMIT = 128


@dataclass(frozen=True)
class Order:
    """What a user orders.

    :param shared: the name of the shared stack; those of DAGs begin with it
    :param bucket: for what is too large for a request
    :param parameters: of whichever stacks have them
    :param image: of the workers; None: as it was
    :param wish: what starts runs from outside; None: as it was
    """

    shared: str
    bucket: str | None
    parameters: Mapping[str, str]
    image: str | None = None
    wish: Wish | None = None

    def check(self, stacks: Sequence[Stack]) -> None:
        """Find what cannot work before anything is done.

        :raises SubmissionError: a parameter that no stack has, or no bucket where one is needed
        """
        templates = [shared_stack.template(), *(stack.template for stack in stacks), requests_template({})]
        known = {name for template in templates for name in parameter_names(template)}
        if odd := sorted(self.parameters.keys() - known):
            raise SubmissionError(f"no stack has a parameter {odd[0]}; there are {', '.join(sorted(known))}")
        large = [stack.dag_id for stack in stacks if stack.files or len(stack.text.encode()) > MAX_REQUEST_BYTES]
        if large and self.bucket is None:
            raise SubmissionError(
                f"the template of {large[0]} is too large for a request: name a bucket for it, --bucket NAME"
            )

    def of(self, template: Mapping[str, object]) -> dict[str, str]:
        """The parameters that a template has."""
        given = {**self._of_image(), **self.parameters}
        return {name: value for name, value in given.items() if name in parameter_names(template)}

    def _of_image(self) -> dict[str, str]:
        # A stack keeps what it was given, whatever the template's defaults become.
        if self.image is None:
            return {}
        repository = repository_of(self.image) or "*"
        made = {"Image": self.image, "Repository": repository}
        return {f"{of}{name}": value for of in ("Worker", "Control") for name, value in made.items()}


def deploy(aws: Aws, stacks: Sequence[Stack], order: Order, tell: Tell, pace: Pace, *, dry_run: bool) -> dict[str, str]:
    """Deploy the shared stack, and the stacks of the DAGs.

    :return: what became of each stack, by its name, see :func:`change_sets.deploy`
    :raises SubmissionError: something is missing, or a stack could not be deployed; those before it are
    """
    order.check(stacks)
    done = {order.shared: _deploy_shared(aws, order, tell, pace, dry_run=dry_run)}
    for stack in stacks:
        name = stack_name(order.shared, stack.dag_id)
        if dry_run and done[order.shared] == change_sets.WOULD_CHANGE and not _exists(aws, order.shared):
            # It imports what is not there yet, so CloudFormation would not even look at it.
            tell(f"{name}: everything is new")
            done[name] = change_sets.WOULD_CHANGE
            continue
        done[name] = _deploy_dag(aws, stack, name, order, tell, pace, dry_run=dry_run)
    wish = requests_stack.wished(aws.client("cloudformation"), order.shared, order.wish)
    if wish is not None:
        done |= _deploy_requests(aws, wish, order, done, tell, pace, dry_run=dry_run)
    return done


def without_dags(aws: Aws, order: Order, tell: Tell, pace: Pace) -> dict[str, str]:
    """Keep what starts runs from outside true to the DAGs that are left; without any, it goes too.

    :param order: of the shared stack
    :return: as of :func:`deploy`
    :raises SubmissionError: the stack could not be changed
    """
    client = aws.client("cloudformation")
    wish = requests_stack.wished(client, order.shared, None)
    if wish is None:
        return {}
    if not stacks_of_dags(client, order.shared):
        wish = Wish(frozenset())
    return _deploy_requests(aws, wish, order, {}, tell, pace, dry_run=False)


def _deploy_requests(
    aws: Aws, wish: Wish, order: Order, done: Mapping[str, str], tell: Tell, pace: Pace, *, dry_run: bool
) -> dict[str, str]:
    """What starts runs from outside, which names the machines of all DAGs."""
    client, name = aws.client("cloudformation"), requests_stack.name_of(order.shared)
    if not wish.parts:
        if not dry_run and remove_requests(aws, name, tell, pace):
            tell(f"{name}: deleted")
            return {name: "deleted"}
        return {}
    if dry_run and any(became == change_sets.WOULD_CHANGE and not _exists(aws, each) for each, became in done.items()):
        tell(f"{name}: it names machines that are not there yet")
        return {name: change_sets.WOULD_CHANGE}
    template = requests_stack.wanted_template(client, order.shared, wish)
    wanted = Wanted(name, template, requests_stack.parameters(aws, order.shared, template, order.of(template)))
    if len(wanted.text.encode()) > MAX_REQUEST_BYTES:
        if order.bucket is None:
            raise SubmissionError(f"the template of {name} is too large for a request: name a bucket, --bucket NAME")
        wanted = replace(wanted, url=uploads.put_template(aws.client("s3"), order.bucket, wanted.text))
    tell(f"{name}: what starts runs from outside")
    return {name: _told(change_sets.deploy(client, wanted, tell, pace, dry_run=dry_run), wanted, tell)}


def stack_name(shared: str, dag_id: str) -> str:
    """The name of a DAG's stack: letters, digits and hyphens, beginning with the shared stack's."""
    legal = names.state_machine_name(dag_id).replace("_", "-")
    if legal != dag_id:
        legal = f"{legal}-{names.short_hash(dag_id)}"
    return names.shorten(f"{shared}-{legal}", STACK_NAME_LIMIT)


def _exists(aws: Aws, name: str) -> bool:
    stack = stack_status.find(aws.client("cloudformation"), name)
    return stack is not None and stack["StackStatus"] not in stack_status.NEVER_MADE | {stack_status.REVIEW}


def _deploy_shared(aws: Aws, order: Order, tell: Tell, pace: Pace, *, dry_run: bool) -> str:
    template = shared_stack.template()
    given = order.of(template)
    if not _exists(aws, order.shared):
        given = account.parameters_of_new_stack(aws, given)
    tell(f"{order.shared}: what all DAGs share")
    wanted = Wanted(order.shared, template, given)
    return _told(change_sets.deploy(aws.client("cloudformation"), wanted, tell, pace, dry_run=dry_run), wanted, tell)


def _deploy_dag(aws: Aws, stack: Stack, name: str, order: Order, tell: Tell, pace: Pace, *, dry_run: bool) -> str:
    given = {**order.of(stack.template), "SharedStack": order.shared}
    url = None
    if order.bucket is not None:
        s3 = aws.client("s3")
        if stack.files:
            given["DefinitionsBucket"] = order.bucket
            uploads.put_missing(s3, order.bucket, stack.files)
        if len(stack.text.encode()) > MAX_REQUEST_BYTES:
            url = uploads.put_template(s3, order.bucket, stack.text)
    tell(f"{name}: DAG {stack.dag_id}")
    wanted = Wanted(name, stack.template, given, url)
    return _told(change_sets.deploy(aws.client("cloudformation"), wanted, tell, pace, dry_run=dry_run), wanted, tell)


def _told(became: str, wanted: Wanted, tell: Tell) -> str:
    tell(f"{wanted.name}: {became}")
    return became
