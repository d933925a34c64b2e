"""What an operation has done to a stack's resources, and how it is taken back or tidied up."""

from collections.abc import Iterable
from dataclasses import dataclass

from local.deployer.changes import Standing
from local.deployer.errors import DeployError
from local.deployer.handling import Handling
from local.deployer.stacks import Stack, Stacks


@dataclass(frozen=True, slots=True)
class Step:
    """One resource that was touched: how it is now, and how it was (None when it is new)."""

    now: Standing
    before: Standing | None

    @property
    def made(self) -> bool:
        """A physical resource was created, as a new one or as a replacement."""
        return self.before is None or self.now.generation != self.before.generation

    @property
    def took_over(self) -> bool:
        """A replacement turned out to be the same physical resource, which must not be deleted as its predecessor."""
        return self.before is not None and self.made and self.now.created.ref == self.before.created.ref


class Undo:
    """The steps of one operation."""

    def __init__(self, stacks: Stacks, stack: Stack, handling: Handling) -> None:
        self._stacks = stacks
        self._stack = stack
        self._handling = handling
        self._steps: list[Step] = []

    def note(self, step: Step) -> None:
        """Remember a step; call it before an update, after a creation."""
        self._steps.append(step)

    def reached(self, standing: dict[str, Standing]) -> dict[str, Standing]:
        """What stands when nothing is taken back: half-made resources too, so that deleting the stack finds them."""
        return standing | {step.now.resource.logical_id: step.now for step in self._steps if step.before is None}

    def restore(self) -> str:
        """Update the changed resources to what they were, last first; what failed, or "" for nothing."""
        failed = []
        for step in reversed(self._steps):
            before = step.before
            if before is None:
                continue
            self._record(before, "UPDATE_IN_PROGRESS")
            try:
                if not step.made:
                    self._handling.update(before, step.now, back=True)
            except DeployError as error:
                failed.append(before.resource.logical_id)
                self._record(before, "UPDATE_FAILED", self._handling.reason(error, before.resource.type))
            else:
                self._record(before, "UPDATE_COMPLETE")
        return _failed("update", failed)

    def back(self) -> str:
        """Delete what the operation created, last first; what failed, or "" for nothing.

        DeletionPolicy Retain keeps a resource of a stack whose creation failed; RetainExceptOnCreate does not.
        """
        made = [step for step in reversed(self._steps) if step.made and not step.took_over]
        keep = {step.now.resource.logical_id for step in made if step.now.resource.deletion_policy == "Retain"}
        keep = {name for name in keep if any(s.before is None and s.now.resource.logical_id == name for s in made)}
        return self._delete((step.now for step in made), keep)

    def clean_up(self, gone: list[Standing]) -> None:
        """After an update: delete what the template no longer has and what was replaced. A failure leaves it behind."""
        steps = [step for step in self._steps if step.made and not step.took_over]
        replaced = [step.before for step in steps if step.before is not None]
        for standing in reversed(replaced):
            self._one(standing, kept=standing.resource.replace_policy == "Retain")
        self._delete(reversed(gone), {each.resource.logical_id for each in gone if _retained(each)})

    def delete_all(self, retain: tuple[str, ...]) -> str:
        """Delete everything that stands, last first; what failed, or "" for nothing."""
        standing = self._stack.standing
        keep = {name for name, each in standing.items() if _retained(each)} | set(retain)
        return self._delete(reversed(standing.values()), keep)

    def _delete(self, standing: Iterable[Standing], keep: set[str]) -> str:
        failed = [
            each.resource.logical_id for each in standing if not self._one(each, each.resource.logical_id in keep)
        ]
        return _failed("delete", failed)

    def _one(self, standing: Standing, kept: bool) -> bool:
        if kept:
            self._record(standing, "DELETE_SKIPPED")
            self._forget(standing)
            return True
        self._record(standing, "DELETE_IN_PROGRESS")
        try:
            self._handling.delete(standing)
        except DeployError as error:
            self._record(standing, "DELETE_FAILED", self._handling.reason(error, standing.resource.type))
            return False
        self._record(standing, "DELETE_COMPLETE")
        self._forget(standing)
        return True

    def _forget(self, standing: Standing) -> None:
        """Take it off what stands; where a successor or predecessor stands in its place, show that."""
        name = standing.resource.logical_id
        other = self._stack.standing.get(name)
        if other is standing:
            self._stack.standing = {key: each for key, each in self._stack.standing.items() if key != name}
        elif other is not None:
            self._stacks.show(self._stack, name, other.resource.type, other.created.ref)

    def _record(self, standing: Standing, status: str, reason: str = "") -> None:
        resource = standing.resource
        self._stacks.record(
            self._stack,
            resource.logical_id,
            resource.type,
            status,
            physical_id=standing.created.ref,
            reason=reason,
        )


def _retained(standing: Standing) -> bool:
    return standing.resource.deletion_policy != "Delete"


def _failed(verb: str, names: list[str]) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]. " if names else ""
